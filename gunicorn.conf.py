"""How the application is served; gunicorn reads this file by itself."""

import logging
import re

# The path of a scan holds the paper's secret: it is kept out of every log, whatever logging is
# asked for on the command line.
accesslog = None
control_socket_disable = True
workers = 2

_SECRET = re.compile(r"/r/[^\s?\"]+")


def _without_secret(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    if _SECRET.search(said):
        record.msg, record.args = _SECRET.sub("/r/…", said), ()
    return True


for _name in ("gunicorn.error", "gunicorn.access"):
    logging.getLogger(_name).addFilter(_without_secret)


def on_starting(server: object) -> None:  # noqa: ARG001
    """Let a bad setting end the server once, in its own sentence, before any worker starts."""
    from app import create_app

    create_app()
