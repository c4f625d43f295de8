"""Wires the parts together: ``gunicorn 'app:create_app()'`` serves it, ``flask`` commands it."""

import os
import sys

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from lookup import audit_commands, cli, upkeep_commands, work_commands
from lookup.bureau import open_bureau
from lookup.config import Config
from lookup.errors import DaylightError
from lookup.web import (
    admin,
    api,
    audit,
    audit_ranking,
    audit_views,
    bulletins,
    callbacks,
    casefile,
    comments,
    counter,
    counters,
    digests,
    errors,
    exceptions,
    find,
    guard,
    holdings,
    imports,
    inspections,
    intake,
    login,
    open_figures,
    outbox,
    papers,
    record,
    sms,
    status,
)
from lookup.web.logs import keep_secrets_out

# The status at which gunicorn stops instead of starting the same worker again for ever.
_BOOT_ERROR = 3


def create_app(config: Config | None = None) -> Flask:
    """The application of one bureau; without a config, the environment's settings.

    Raises ConfigError for a given config that cannot be served; a mistake in the environment
    ends the program with one sentence.
    """
    if config is not None:
        return _wire(config)
    try:
        return _wire(Config.read(os.environ))
    except DaylightError as error:
        print(f"Daylight: {error.text.both()}", file=sys.stderr)  # noqa: T201
        raise SystemExit(_BOOT_ERROR) from None


def _wire(config: Config) -> Flask:
    app = Flask(__name__)
    app.extensions["bureau"] = open_bureau(config)
    if config.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.proxies, x_proto=config.proxies, x_host=config.proxies
        )
    keep_secrets_out()
    desk = (callbacks, casefile, counters, find, holdings, intake, papers, record, imports, admin)
    figures = (open_figures, audit, audit_ranking, audit_views)
    auditing = (*figures, inspections, exceptions, digests, bulletins)
    for part in (status, comments, counter, login, api, sms, outbox, *desk, *auditing):
        app.register_blueprint(part.blueprint)
    errors.register(app)
    guard.register(app)
    cli.register_commands(app, cli, upkeep_commands, work_commands, audit_commands)
    return app
