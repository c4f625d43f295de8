"""What servers log of a request, without the secrets that an address holds: the path of a scan,
and what the gateway tells (its secret, numbers, texts)."""

import logging
import re

_SECRET = re.compile(r"(/r/)[^\s?\"]+|(\?)\S+")
# Whoever serves the application, and whatever logging is asked for on the command line.
_SERVERS = ("gunicorn.error", "gunicorn.access", "werkzeug")


def keep_secrets_out() -> None:
    """Write ``/r/…`` for the address on the paper in every server's log, and the like."""
    for name in _SERVERS:
        logging.getLogger(name).addFilter(_without_secret)


def _without_secret(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    if _SECRET.search(said):
        record.msg, record.args = _SECRET.sub(r"\1\2…", said), ()
    return True
