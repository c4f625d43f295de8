"""Counting tries in the database, where a restart does not forget them."""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from lookup.database import Database
from lookup.errors import Throttled
from lookup.language import Text

_NOTHING_ELSE = Text("", "")


@dataclass(frozen=True)
class Limit:
    """So many tries in so many seconds."""

    tries: int
    seconds: int


def network_of(address: str) -> str:
    """What stands for an address where tries are counted: of IPv6 the first half, for every
    subscriber has all of the second."""
    with suppress(ValueError):
        given = ipaddress.ip_address(address)
        if given.version == 6 and not given.ipv4_mapped:
            return str(ipaddress.ip_network((given, 64), strict=False))
    return address


def count_try(
    db: Database, limits: Mapping[str, Limit], now: int, instead: Text = _NOTHING_ELSE
) -> None:
    """Count one try in each bucket; raises Throttled where one is over its limit.

    The try is counted before it is judged, so that parallel guesses cannot slip through; a try
    that proves right is taken back with `forgive_try`. ``now`` is in seconds since the epoch,
    ``instead`` says what else can be done than wait.
    """
    with db.transaction():
        over = [bucket for bucket, limit in limits.items() if _count(db, bucket, limit, now)]
    if over:
        minutes = max(limits[bucket].seconds for bucket in over) // 60
        raise Throttled(
            f"尝试次数过多，请 {minutes} 分钟后再试{instead.zh}。",
            f"Too many tries; please wait {minutes} minutes{instead.en}.",
        )


def forgive_try(db: Database, limits: Mapping[str, Limit], now: int) -> None:
    """Take back a try that proved right."""
    with db.transaction():
        for bucket, limit in limits.items():
            db.run(
                """UPDATE throttle SET hits = hits - 1
                WHERE bucket = :bucket AND window_start = :start""",
                bucket=bucket,
                start=now - now % limit.seconds,
            )


def _count(db: Database, bucket: str, limit: Limit, now: int) -> bool:
    start = now - now % limit.seconds
    db.run(
        "DELETE FROM throttle WHERE bucket = :bucket AND window_start < :start",
        bucket=bucket,
        start=start,
    )
    row = db.row(
        """INSERT INTO throttle (bucket, window_start, hits) VALUES (:bucket, :start, 1)
        ON CONFLICT (bucket, window_start) DO UPDATE SET hits = throttle.hits + 1
        RETURNING hits""",
        bucket=bucket,
        start=start,
    )
    return row is not None and row["hits"] > limit.tries
