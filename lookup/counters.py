"""Counters: at each a code to scan, to rate the service just received there without a case.

These ratings are counted apart from those of cases.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from lookup.beijing import beijing_day, from_utc_text
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import NotFound, Refused, Throttled
from lookup.feedback import read_level, read_tags, tags_in
from lookup.networks import is_own, network_print
from lookup.reach import is_within
from lookup.records import prose
from lookup.scores import FEWEST_RATINGS, Scores
from lookup.staff import Staff
from lookup.throttle import Limit, count_try, network_of
from lookup.trail import Actor, Change, change
from lookup.units import SUBTREE
from receipts.sheet import CounterSign
from receipts.token import BadToken, new_receipt_id

# Nobody is at one counter for longer: yesterday's officer must not get today's ratings.
_DUTY = timedelta(hours=12)
_LONGEST_NAME = 40
# Phone carriers put many people behind one address; a counter serves one at a time.
_PER_ADDRESS = Limit(tries=20, seconds=60 * 60)
_PER_COUNTER = Limit(tries=60, seconds=60 * 60)
_SHOWN = 20

_VISITOR = Actor("visitor", "counter")
_NOBODY = ("", "")
# What ratings are counted by.
_GROUPS = {"counter": ("counter_id",), "unit": ("unit",), "officer": ("officer", "badge")}

_COUNTER = """SELECT counter.*, unit.name AS unit_name
FROM counter JOIN unit ON unit.code = counter.unit"""


def add(ongoing: Change, within: str, unit: str, name: str) -> int:
    """A new counter of a unit that is ``within`` or stands below it; its id.

    Raises Refused for a unit beyond, and for a name that is blank, too long, or in use there.
    """
    if not is_within(ongoing.db, within, unit):
        zh, en = "请选择本单位或下级单位。", "Choose your own unit or one below it."
        raise Refused("unit", unit, zh, en)
    name = _free_name(ongoing.db, unit, name)
    [made] = ongoing.db.rows(
        """INSERT INTO counter (token_id, unit, name, officer, badge, made_at, made_by)
        VALUES (:token_id, :unit, :name, '', '', :at, :by) RETURNING id""",
        token_id=new_receipt_id(),
        unit=unit,
        name=name,
        at=ongoing.at,
        by=ongoing.actor.name,
    )
    ongoing.record("counter.added", counter=made["id"], unit=unit, name=name)
    return int(made["id"])


def rename(ongoing: Change, counter: Record, name: str) -> None:
    """Give a counter another name, for its page and what is printed from now on; raises Refused."""
    name, db = _free_name(ongoing.db, counter["unit"], name, counter["id"]), ongoing.db
    if name != counter["name"]:
        db.run("UPDATE counter SET name = :name WHERE id = :id", name=name, id=counter["id"])
        ongoing.record("counter.changed", counter=counter["id"], name=[counter["name"], name])


def retire(ongoing: Change, counter: Record) -> None:
    """End a counter: its code opens nothing any more, its ratings stay."""
    touched = ongoing.db.run(
        "UPDATE counter SET retired_at = :at WHERE id = :id AND retired_at IS NULL",
        at=ongoing.at,
        id=counter["id"],
    )
    if touched:
        ongoing.record("counter.retired", counter=counter["id"], name=counter["name"])


def colleagues(db: Database, counter: Record, who: Staff) -> dict[str, Record]:
    """By login whom ``who`` may note as on duty there: the unit's own staff, and ``who``."""
    rows = db.rows(
        """SELECT login, name, badge FROM staff
        WHERE (unit = :unit OR id = :id) AND disabled_at IS NULL ORDER BY login""",
        unit=counter["unit"],
        id=who.id,
    )
    return {row["login"]: row for row in rows}


def set_duty(ongoing: Change, counter: Record, who: Staff, login: str) -> None:
    """Note who is on duty at a counter from now on: somebody's login, or blank for nobody.

    Raises Refused for whom `colleagues` does not offer.
    """
    found = colleagues(ongoing.db, counter, who).get(login)
    if login and not found:
        zh, en = "请选择本单位在用的账号。", "Choose an account of that unit that is in use."
        raise Refused("officer", login, zh, en)
    officer, badge = (found["name"], found["badge"]) if found else _NOBODY
    ongoing.db.run(
        "UPDATE counter SET officer = :officer, badge = :badge, duty_at = :at WHERE id = :id",
        officer=officer,
        badge=badge,
        at=ongoing.at,
        id=counter["id"],
    )
    ongoing.record("counter.duty", counter=counter["id"], officer=officer, badge=badge)


def on_duty(counter: Record, now: datetime) -> tuple[str, str]:
    """Name and badge of the officer on duty at a counter; blanks where nobody is, or not since."""
    since = counter["duty_at"]
    if since and now - from_utc_text(since) < _DUTY:
        return counter["officer"], counter["badge"]
    return _NOBODY


def counters_below(db: Database, unit: str) -> list[Record]:
    """The counters of a unit and those below it, also the retired ones, with their units' names."""
    return db.rows(
        f"""{SUBTREE} {_COUNTER} WHERE counter.unit IN (SELECT code FROM subtree)
        ORDER BY counter.unit, counter.id""",
        unit=unit,
    )


def require_counter(db: Database, unit: str, counter_id: int) -> Record:
    """A counter in use within a unit's reach; raises NotFound."""
    for counter in counters_below(db, unit):
        if counter["id"] == counter_id and not counter["retired_at"]:
            return counter
    raise NotFound(
        "没有这个窗口，或者它已停用。", "There is no such counter, or it has been retired."
    )


def link(bureau: Bureau, counter: Record) -> str:
    """The address in a counter's QR code."""
    return f"{bureau.config.public_url}/c/{bureau.counters.sign(counter['token_id'])}"


def sign_of(bureau: Bureau, counter: Record) -> CounterSign:
    """What hangs or stands at a counter. No officer is named: duty changes, the paper stays."""
    return CounterSign(
        bureau=bureau.config.bureau_name,
        unit_name=counter["unit_name"],
        counter=counter["name"],
        url=link(bureau, counter),
        site=bureau.config.host,
    )


def open_by_token(bureau: Bureau, token: str) -> Record:
    """The counter in use that a scanned token belongs to, with its unit's name.

    Raises NotFound, the same for forged, unknown and retired ones and after the same work.
    """
    try:
        token_id = bureau.counters.read(token)
    except BadToken:
        token_id = ""
    counter = bureau.db.row(
        f"{_COUNTER} WHERE token_id = :token_id AND retired_at IS NULL", token_id=token_id
    )
    if counter is None:
        raise NotFound("这个二维码已停用。", "This code is no longer in use.")
    return counter


@dataclass(frozen=True)
class Rating:
    """What a visitor sent: ``form`` is the form's nonce, ``officer`` name and badge as the page
    gave them, with a space between."""

    level: str
    tags: Sequence[str]
    officer: str
    form: str


def rate(bureau: Bureau, counter: Record, sent: Rating, address: str, now: datetime) -> None:
    """Rate the service at a counter; the same form again does nothing.

    It goes to the officer on duty, where that is whom the page named, else to the unit alone.
    Raises Refused for a level or a tag that is not offered, Throttled after too many ratings.
    """
    level, tags = read_level(sent.level), read_tags(sent.level, sent.tags)
    network = network_print(bureau, address)
    if bureau.db.row("SELECT id FROM counter_rating WHERE form = :form", form=sent.form):
        return  # sent again: it must not use up what others may send
    _count(bureau, counter, address, now)
    duty = on_duty(counter, now)
    officer, badge = duty if " ".join(duty) == sent.officer else _NOBODY
    with change(bureau.db, _VISITOR, now) as ongoing:
        made = ongoing.db.row(
            """INSERT INTO counter_rating
                (counter_id, unit, officer, badge, level, tags, form, rated_at, rated_day, network,
                    own_network)
            VALUES
                (:counter_id, :unit, :officer, :badge, :level, :tags, :form, :at, :day, :network,
                    :own_network)
            ON CONFLICT (form) DO NOTHING RETURNING id""",
            counter_id=counter["id"],
            unit=counter["unit"],
            officer=officer,
            badge=badge,
            level=level,
            tags=tags,
            form=sent.form,
            at=ongoing.at,
            day=beijing_day(now).isoformat(),
            network=network,
            own_network=is_own(ongoing.db, network, now),
        )
        if made:
            told = {"counter": counter["id"], "counter_rating": made["id"], "level": level}
            ongoing.record("counter.rated", **told)


def figures(
    db: Database, unit: str, first: date, last: date
) -> dict[str, dict[tuple[Any, ...], Scores]]:
    """The ratings of a period at the counters of a unit and those below it, counted each way.

    By "counter" (id), "unit" (code) and "officer" (name and badge, blanks where nobody was on
    duty); the days are Beijing ones, both included. Each way adds up to the same total.
    """
    rows = db.rows(
        f"""{SUBTREE} SELECT counter_id, unit, officer, badge, level, COUNT(*) AS ratings
        FROM counter_rating
        WHERE unit IN (SELECT code FROM subtree) AND rated_day BETWEEN :first AND :last
        GROUP BY counter_id, unit, officer, badge, level
        ORDER BY unit, counter_id, badge""",
        unit=unit,
        first=first.isoformat(),
        last=last.isoformat(),
    )
    return {name: _scores(rows, columns) for name, columns in _GROUPS.items()}


def latest(db: Database, counter: Record) -> list[Record]:
    """The last ratings of a counter, the latest first, with their tags as a list.

    Only their day is told: by the minute the officer would know who it was.
    """
    rows = db.rows(
        f"""SELECT level, tags, officer, badge, rated_day FROM counter_rating
        WHERE counter_id = :id ORDER BY id DESC LIMIT {_SHOWN}""",
        id=counter["id"],
    )
    return [row | {"tags": tags_in(row["tags"])} for row in rows]


def _free_name(db: Database, unit: str, written: str, counter_id: int = 0) -> str:
    """A name that no other counter in use has at that unit; raises Refused."""
    name = prose(written)
    if not 0 < len(name) <= _LONGEST_NAME:
        zh = f"请填写窗口名称，最多 {_LONGEST_NAME} 字。"
        raise Refused(
            "name", name, zh, f"Give the counter a name of at most {_LONGEST_NAME} characters."
        )
    db.rows(db.take_turns)  # of two who choose one name at once, the second is told so
    if db.row(
        """SELECT id FROM counter
        WHERE unit = :unit AND name = :name AND retired_at IS NULL AND id <> :id""",
        unit=unit,
        name=name,
        id=counter_id,
    ):
        zh = f"该单位已有名为“{name}”的窗口，请换一个名称。"
        raise Refused("name", name, zh, f"That unit has a counter “{name}” already; rename this.")
    return name


def _count(bureau: Bureau, counter: Record, address: str, now: datetime) -> None:
    bucket = f"counter {counter['id']}"
    place = f"{bucket} {bureau.seals.fingerprint(network_of(address))}"
    try:
        # One after the other: what one address sends too much must not use up the counter's day.
        for limited, limit in ((place, _PER_ADDRESS), (bucket, _PER_COUNTER)):
            count_try(bureau.db, {limited: limit}, int(now.timestamp()))
    except Throttled:
        raise Throttled(
            "刚才收到的评价过多，您的评价没有保存；请过一小时再试，或者当面告诉工作人员。",
            "Too many ratings have just come in and yours was not saved; please try again in an "
            "hour, or tell the staff in person.",
        ) from None


def _scores(rows: Sequence[Record], columns: Sequence[str]) -> dict[tuple[Any, ...], Scores]:
    levels: dict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for row in rows:
        levels[tuple(row[name] for name in columns)][row["level"]] += row["ratings"]
    return {key: Scores(counted, FEWEST_RATINGS) for key, counted in levels.items()}
