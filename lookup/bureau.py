"""What a running program works with: the settings and the parts opened from them."""

from dataclasses import dataclass

from lookup.config import Config
from lookup.database import Database, open_database
from lookup.kinds import Kinds, load_kinds
from lookup.oversight import Oversight, load_oversight
from lookup.sealing import Seals
from lookup.service import Service, load_service
from lookup.workdays import Calendar, load_calendar
from receipts.token import Tokens


@dataclass(frozen=True)
class Bureau:
    """One bureau's settings, database, rules and keys."""

    config: Config
    db: Database
    kinds: Kinds
    calendar: Calendar
    service: Service
    oversight: Oversight
    seals: Seals
    papers: Tokens
    counters: Tokens
    cookies: Tokens
    forms: Tokens


def open_bureau(config: Config) -> Bureau:
    """Open all parts; raises ConfigError naming the file or setting that is wrong."""
    return Bureau(
        config=config,
        db=open_database(config.database_url),
        kinds=load_kinds(config.kinds_file),
        calendar=load_calendar(config.calendar_file),
        service=load_service(config.service_file),
        oversight=load_oversight(config.oversight_file),
        seals=Seals(config.keys("sealing"), config.keys("finding")),
        papers=Tokens(config.keys("token"), "receipt"),
        counters=Tokens(config.keys("token"), "counter"),
        cookies=Tokens(config.keys("cookie"), "cookie"),
        forms=Tokens(config.keys("form"), "form"),
    )
