"""Where ratings and log-ins come from: a keyed print that tells networks apart and names none."""

import hashlib
import hmac
from datetime import datetime, timedelta

from lookup.beijing import utc_text
from lookup.bureau import Bureau
from lookup.database import Database
from lookup.throttle import network_of

_MONTH = timedelta(days=30)


def network_print(bureau: Bureau, source: str) -> str:
    """The print of the network of an address, or of a phone, under the newest key; "" of "".

    Only prints made under one key can be compared.
    """
    key, told = bureau.config.keys("network")[-1], network_of(source).encode()
    return hmac.digest(key, told, hashlib.sha256).hex()[:32] if source else ""


def is_own(db: Database, network: str, now: datetime) -> int:
    """1 where staff logged in from the network of a print within the last 30 days, else 0."""
    found = network and db.row(
        """SELECT 1 AS one FROM session
        WHERE network = :network AND network <> '' AND started_at >= :month_ago LIMIT 1""",
        network=network,
        month_ago=utc_text(now - _MONTH),
    )
    return int(bool(found))
