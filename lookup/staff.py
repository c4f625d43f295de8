"""Staff: who they are, what their role allows, how they prove it."""

import re
from dataclasses import dataclass
from datetime import datetime

from lookup import passwords, sessions
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import NotFound, Refused
from lookup.language import plain
from lookup.reach import is_within
from lookup.records import BY_HAND
from lookup.roles import POWERS, STAFF_ROLES, Power
from lookup.throttle import Limit, count_try, forgive_try, network_of
from lookup.trail import Actor, Change
from lookup.units import SUBTREE, require_unit

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_LONGEST_NAME = 40
# A station's desks share one address, so an address may try often. The account's own limit does
# not count where it has been used before: a stranger can slow himself down, not the officer.
_PER_PAIR = Limit(tries=10, seconds=15 * 60)
_PER_ADDRESS = Limit(tries=300, seconds=60 * 60)
_PER_ACCOUNT = Limit(tries=100, seconds=60 * 60)
_WRONG = ("用户名或密码不对，请重新输入。", "Wrong name or password; please try again.")

_STAFF = """SELECT staff.*, unit.name AS unit_name FROM staff
JOIN unit ON unit.code = staff.unit"""


@dataclass(frozen=True)
class Staff:
    """A member of staff as logged in."""

    id: int
    login: str
    name: str
    badge: str
    role: str
    unit: str
    unit_name: str
    must_change: bool

    def may(self, power: Power) -> bool:
        """Whether the role allows it, for cases of the own unit and those below it."""
        return power in POWERS[self.role]

    @property
    def actor(self) -> Actor:
        """This person as the record names it."""
        return Actor(actor_name(self.name, self.login), BY_HAND)


def actor_name(name: str, login: str) -> str:
    """How the record names a member of staff: the login, its last word, tells namesakes apart."""
    return f"{name} {login}"


def read_staff(row: Record) -> Staff:
    """A member of staff out of a row joined with the unit."""
    named = {name: row[name] for name in Staff.__dataclass_fields__}
    return Staff(**named | {"must_change": bool(row["must_change"])})


def add_staff(
    change: Change,
    login: str,
    name: str,
    role: str,
    unit: str,
    badge: str = "",
    within: str | None = None,
) -> tuple[int, str]:
    """A new account; its id and its first password, which is told once.

    ``within`` is the unit in whose tree its own must be. Raises Refused for a field that will not
    do, NotFound for an unknown unit.
    """
    login, name, badge = _checked(login.strip().lower(), plain(name), role, plain(badge))
    _require_unit(change.db, unit, within)
    password = passwords.first_password()
    made = change.db.row(
        """INSERT INTO staff (login, name, badge, role, unit, password, must_change, created_at)
        VALUES (:login, :name, :badge, :role, :unit, :password, 1, :at)
        ON CONFLICT (login) DO NOTHING RETURNING id""",
        login=login,
        name=name,
        badge=badge,
        role=role,
        unit=unit,
        password=passwords.hashed(password),
        at=change.at,
    )
    if made is None:
        raise Refused(
            "login",
            login,
            f"用户名“{login}”已被使用，请换一个。",
            f"The login “{login}” is taken; choose another.",
        )
    change.record("staff.added", login=login, name=name, role=role, unit=unit)
    return int(made["id"]), password


def change_staff(
    change: Change,
    one: Record,
    name: str,
    role: str,
    unit: str,
    badge: str = "",
    within: str | None = None,
) -> None:
    """Give an account another name, role or unit; where rights change, its sessions end.

    Raises as `add_staff` does, and Refused for somebody's own role or unit.
    """
    _, name, badge = _checked(one["login"], plain(name), role, plain(badge))
    _require_unit(change.db, unit, within)
    now = {"name": name, "role": role, "unit": unit, "badge": badge}
    moved: Record = {key: [one[key], value] for key, value in now.items() if one[key] != value}
    if not moved:
        return
    if {"role", "unit"} & moved.keys():
        _refuse_own(change, one)
    change.db.run(
        """UPDATE staff SET name = :name, role = :role, unit = :unit, badge = :badge
        WHERE id = :id""",
        **now,
        id=one["id"],
    )
    if {"role", "unit"} & moved.keys():
        sessions.end_all(change, one["id"])
    change.record("staff.changed", login=one["login"], **moved)


def set_enabled(change: Change, one: Record, enabled: bool) -> None:
    """Let an account in again, or shut it out at once; raises Refused for the own one."""
    if enabled != bool(one["disabled_at"]):
        return
    _refuse_own(change, one)
    change.db.run(
        "UPDATE staff SET disabled_at = :at WHERE id = :id",
        at=None if enabled else change.at,
        id=one["id"],
    )
    sessions.end_all(change, one["id"])
    change.record("staff.enabled" if enabled else "staff.disabled", login=one["login"])


def reset_password(change: Change, one: Record) -> str:
    """A new first password for an account whose old one is lost; raises Refused for the own."""
    _refuse_own(change, one)
    password = passwords.first_password()
    _set_password(change, one["id"], password, must_change=True)
    change.record("staff.password_reset", login=one["login"])
    return password


def recheck(bureau: Bureau, who: Staff, password: str, address: str, now: datetime) -> None:
    """Make sure that it is really who is logged in, by the present password.

    Raises Refused for ``old``, and Throttled: a browser left alone must not be guessed with.
    """
    try:
        admit(bureau, who.login, password, address, now)
    except Refused:
        zh, en = "现在的密码不对，请重新输入。", "The present password is wrong; please try again."
        raise Refused("old", "", zh, en) from None


def choose_password(bureau: Bureau, change: Change, who: Staff, old: str, new: str) -> None:
    """Change the own password from ``old``, which was rechecked; all sessions end.

    Raises Refused for ``new``.
    """
    if old == new:
        zh, en = (
            "新密码与现在的相同，请换一个。",
            "The new password is the present one; choose another.",
        )
        raise Refused("new", "", zh, en)
    own = (who.login, who.name, who.badge, who.unit_name, bureau.config.bureau_name)
    passwords.require_strong(new, own)
    _set_password(change, who.id, new, must_change=False)
    change.record("staff.password_changed", login=who.login)


def admit(bureau: Bureau, login: str, password: str, address: str, now: datetime) -> Staff:
    """Who logs in with a name and a password.

    Raises Refused, the same whatever of it is wrong, and Throttled after too many tries.
    """
    db, login = bureau.db, login.strip().lower()
    limits = _limits(bureau, login, address)
    count_try(db, limits, int(now.timestamp()))
    row = db.row(f"{_STAFF} WHERE login = :login", login=login)
    right = passwords.matches(row["password"] if row else "", password)
    if row is None or row["disabled_at"] or not right:
        raise Refused("login", "", *_WRONG)
    forgive_try(db, limits, int(now.timestamp()))
    return read_staff(row)


def unlock(bureau: Bureau, change: Change, one: Record) -> None:
    """Forget the tries counted against an account."""
    change.db.run(
        "DELETE FROM throttle WHERE bucket LIKE :bucket",
        bucket=f"{_account(bureau, one['login'])}%",
    )
    change.record("staff.unlocked", login=one["login"])


def end_sessions(change: Change, one: Record) -> None:
    """End all log-ins of an account."""
    sessions.end_all(change, one["id"])
    change.record("staff.sessions_ended", login=one["login"])


def staff_below(db: Database, unit: str) -> list[Record]:
    """All accounts of a unit and those below it, with the names of their units and when they were
    last used, as far back as sessions are kept."""
    return db.rows(
        f"""{SUBTREE} SELECT staff.*, unit.name AS unit_name,
            (SELECT MAX(seen_at) FROM session WHERE staff_id = staff.id) AS used_at
        FROM staff JOIN unit ON unit.code = staff.unit
        WHERE staff.unit IN (SELECT code FROM subtree)
        ORDER BY staff.unit, staff.role, staff.login""",
        unit=unit,
    )


def require_staff(db: Database, unit: str, login: str) -> Record:
    """An account of a unit or those below it; raises NotFound, also for one out of reach."""
    row = _LOGIN.fullmatch(login) and db.row(
        f"""{SUBTREE} {_STAFF}
        WHERE staff.login = :login AND staff.unit IN (SELECT code FROM subtree)""",
        unit=unit,
        login=login,
    )
    if not row:
        raise NotFound("没有这个账号。", "There is no such account.")
    return row


def take_staff(change: Change, who: Staff, login: str) -> Record:
    """An account within the reach of ``who``, to be changed in this transaction.

    Administrators take turns: of two who shut each other out, the second is one no more and gets
    NotFound, as for an account that is out of reach.
    """
    admins = change.db.rows(
        f"""SELECT id FROM staff WHERE role = :role AND disabled_at IS NULL
        ORDER BY id{change.db.for_update}""",
        role=who.role,
    )
    reach = who.unit if who.id in {one["id"] for one in admins} else ""
    return require_staff(change.db, reach, login)


def _require_unit(db: Database, unit: str, within: str | None) -> None:
    if within is None:
        require_unit(db, unit)
    elif not is_within(db, within, unit):
        zh = f"没有代码为“{unit}”的单位，或者它不归您管理。"
        en = f"There is no unit “{unit}”, or it is not yours to administer."
        raise Refused("unit", unit, zh, en)


def _refuse_own(change: Change, one: Record) -> None:
    # The login at the end of a name tells: the name itself may be changed meanwhile.
    if change.actor.via == BY_HAND and change.actor.name.split()[-1] == one["login"]:
        raise Refused(
            "login",
            one["login"],
            "自己的角色、单位、停用和重置，须由另一位管理员操作。",
            "Your own role, unit, closing and reset are for another administrator to do.",
        )


def _set_password(change: Change, staff_id: int, password: str, *, must_change: bool) -> None:
    change.db.run(
        "UPDATE staff SET password = :password, must_change = :must_change WHERE id = :id",
        password=passwords.hashed(password),
        must_change=int(must_change),
        id=staff_id,
    )
    sessions.end_all(change, staff_id)


def _limits(bureau: Bureau, login: str, address: str) -> dict[str, Limit]:
    account, place = _account(bureau, login), bureau.seals.fingerprint(network_of(address))
    limits = {f"{account} {place}": _PER_PAIR, f"login from {place}": _PER_ADDRESS}
    if not sessions.is_known_address(bureau.db, login, address):
        limits[account] = _PER_ACCOUNT
    return limits


def _account(bureau: Bureau, login: str) -> str:
    return f"login {bureau.seals.fingerprint(login)}"


def _checked(login: str, name: str, role: str, badge: str) -> tuple[str, str, str]:
    faults = {
        "login": not _LOGIN.fullmatch(login),
        "name": not 0 < len(name) <= _LONGEST_NAME,
        "role": role not in STAFF_ROLES,
        "badge": len(badge) > _LONGEST_NAME,
    }
    for field, wrong in faults.items():
        if wrong:
            raise Refused(
                field, {"login": login, "name": name, "role": role}.get(field, badge), *_HOW[field]
            )
    return login, name, badge


_HOW = {
    "login": (
        "用户名须为 2 至 40 个小写字母、数字或 . _ -，以字母或数字开头。",
        "A login is 2 to 40 lower-case letters, digits or . _ -; a letter or digit comes first.",
    ),
    "name": (
        f"请填写姓名，最多 {_LONGEST_NAME} 字。",
        f"Give the name, at most {_LONGEST_NAME} characters.",
    ),
    "role": (
        f"没有这个角色，可用：{STAFF_ROLES.listed().zh}。",
        f"There is no such role; use one of: {', '.join(STAFF_ROLES)}.",
    ),
    "badge": (
        f"警号最多 {_LONGEST_NAME} 字。",
        f"A badge number has at most {_LONGEST_NAME} characters.",
    ),
}
