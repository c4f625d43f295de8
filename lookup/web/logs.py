"""What servers log of a request, without the secret that the path of a scan holds."""

import logging
import re

_SECRET = re.compile(r"/r/[^\s?\"]+")
# Whoever serves the application, and whatever logging is asked for on the command line.
_SERVERS = ("gunicorn.error", "gunicorn.access", "werkzeug")


def keep_secrets_out() -> None:
    """Write ``/r/…`` for the address on the paper in every server's log."""
    for name in _SERVERS:
        logging.getLogger(name).addFilter(_without_secret)


def _without_secret(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    if _SECRET.search(said):
        record.msg, record.args = _SECRET.sub("/r/…", said), ()
    return True
