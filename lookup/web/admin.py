"""Accounts, units and keys, for administrators: each within the tree of the own unit."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import clients as keys
from lookup import staff as accounts
from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import FileError, NotFound, Refused
from lookup.language import Text, plain
from lookup.reach import is_whole, units_within
from lookup.records import prose
from lookup.register import import_units
from lookup.roles import STAFF_ROLES
from lookup.sessions import live_sessions
from lookup.trail import Change, change
from lookup.units import UnitRecord, put_units, read_duty_phone, tree_of
from lookup.uploads import as_file
from lookup.web.errors import message
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

LARGEST_LIST = 1024 * 1024
_FOUND_BY = ("login", "name", "badge", "unit_name")

# What is done to an account by one button; a new first password is the answer.
_ACTS: Mapping[str, tuple[Callable[[Bureau, Change, Record], str | None], Text]] = {
    "disable": (
        lambda _, doing, one: accounts.set_enabled(doing, one, False),
        said("admin_disabled"),
    ),
    "enable": (lambda _, doing, one: accounts.set_enabled(doing, one, True), said("admin_enabled")),
    "reset": (lambda _, doing, one: accounts.reset_password(doing, one), said("admin_reset_done")),
    "unlock": (accounts.unlock, said("admin_unlocked")),
    "end": (lambda _, doing, one: accounts.end_sessions(doing, one), said("admin_ended")),
}


@blueprint.get("/")
@allow("admin")
def start() -> AnyResponse:
    """The accounts come first."""
    return redirect(url_for(".staff"), 303)


@blueprint.get("/staff")
@allow("admin")
def staff(mistake: Refused | None = None) -> Response:
    """The accounts within reach, and a form for another."""
    who, sought = the_staff(), plain(request.args.get("q", ""))
    people = [
        one
        for one in accounts.staff_below(the_bureau().db, who.unit)
        if any(sought.casefold() in one[name].casefold() for name in _FOUND_BY)
    ]
    shown = {"role": "desk_officer", "unit": who.unit}
    return _page("staff", shown, mistake, people=people, sought=sought)


@blueprint.post("/staff")
@allow("admin")
def add() -> Response:
    """Open an account; its first password is shown this once."""
    who, typed = the_staff(), _typed("login", "name", "role", "unit", "badge")
    with change(the_bureau().db, who.actor) as ongoing:
        _, password = accounts.add_staff(ongoing, **typed, within=who.unit)
    return _secret(said("admin_added"), typed["login"].strip().lower(), password)


@blueprint.get("/staff/<login>")
@allow("admin")
def account(login: str, mistake: Refused | None = None) -> Response:
    """An account, and what can be done to it."""
    db, who = the_bureau().db, the_staff()
    one = accounts.require_staff(db, who.unit, login)
    sessions = live_sessions(db, one["id"], utc_now())
    own = one["id"] == who.id
    return _page("account", one, mistake, one=one, own=own, sessions=sessions)


@blueprint.post("/staff/<login>")
@allow("admin")
def edit(login: str) -> AnyResponse:
    """Give an account another name, badge, role or unit."""
    who, typed = the_staff(), _typed("name", "role", "unit", "badge")
    with change(the_bureau().db, who.actor) as ongoing:
        one = accounts.take_staff(ongoing, who, login)
        accounts.change_staff(ongoing, one, **typed, within=who.unit)
    return _done(said("admin_saved"), url_for(".account", login=login))


@blueprint.post("/staff/<login>/<act>")
@allow("admin")
def act(login: str, act: str) -> AnyResponse:
    """Disable, enable, reset, unlock, or end the log-ins of an account."""
    if act not in _ACTS:
        abort(404)
    (do, done), who, bureau = _ACTS[act], the_staff(), the_bureau()
    with change(bureau.db, who.actor) as ongoing:
        password = do(bureau, ongoing, accounts.take_staff(ongoing, who, login))
    return (
        _secret(done, login, password)
        if password
        else _done(done, url_for(".account", login=login))
    )


@blueprint.get("/units")
@allow("admin")
def units(mistake: Refused | None = None) -> Response:
    """The tree of units within reach, and a form for one of them or a new one."""
    tree = tree_of(the_bureau().db, the_staff().unit)
    chosen = {one["code"]: one | {"known": one["code"]} for one in tree}
    new = {"parent": the_staff().unit}
    return _page("units", chosen.get(request.args.get("code"), new), mistake, tree=tree)


@blueprint.post("/units")
@allow("admin")
def put_unit() -> AnyResponse:
    """Add a unit, or change the one ``known``."""
    typed = _typed("code", "name", "parent", "address", "phone")
    duty_phone = read_duty_phone(request.form.get("duty_phone", ""))
    told = {name: prose(value) for name, value in typed.items()}
    unit = UnitRecord(0, **told, duty_phone=duty_phone)
    with change(the_bureau().db, the_staff().actor) as ongoing:
        counts = put_units(ongoing, [unit], the_staff().unit)
        if not (request.form.get("known") or counts["new"]):
            raise Refused("code", unit.code, *said("admin_code_taken"))
    return _done(said("admin_saved"), url_for(".units"))


@blueprint.post("/units/list")
@allow("admin", largest=LARGEST_LIST)
def put_list() -> AnyResponse:
    """Add or change the units of a list, all or none."""
    who, file = the_staff(), request.files.get("file")
    if not file or not file.filename:
        raise Refused("file", "", *said("admin_no_file"))
    with as_file(file.filename, file.read()) as path:
        counts = import_units(the_bureau(), path, who.actor, who.unit)
    return _done(said("admin_list_done").fill(**counts), url_for(".units"))


@blueprint.get("/clients")
@allow("admin")
def clients(mistake: Refused | None = None) -> Response:
    """The keys of other programs, and a form for another."""
    db, unit = the_bureau().db, the_staff().unit
    made, whole = keys.clients_below(db, unit), is_whole(db, unit)
    return _page("clients", {}, mistake, made=made, whole=whole)


@blueprint.post("/clients")
@allow("admin")
def add_key() -> Response:
    """Make a key; it is shown this once."""
    who, typed, db = the_staff(), _typed("name", "unit"), the_bureau().db
    with change(db, who.actor) as ongoing:
        everywhere = [""] if is_whole(db, who.unit) else []
        if typed["unit"] not in [*units_within(db, who.unit), *everywhere]:
            raise Refused("unit", typed["unit"], *said("admin_unit_beyond"))
        key = keys.add_client(ongoing, typed["name"], typed["unit"] or None)
    return _secret(said("admin_key_made"), plain(typed["name"]), key, ".clients")


@blueprint.post("/clients/revoke")
@allow("admin")
def revoke() -> AnyResponse:
    """End a key at once."""
    who, db, name = the_staff(), the_bureau().db, request.form.get("name", "")
    with change(db, who.actor) as ongoing:
        if name not in [one["name"] for one in keys.clients_below(db, who.unit)]:
            raise NotFound(*said("admin_no_key"))
        keys.revoke_client(ongoing, name)
    return _done(said("admin_key_revoked"), url_for(".clients"))


# The page on which each form stands.
_PAGE_OF: Mapping[str, Callable[..., Response]] = {
    "admin.add": staff,
    "admin.edit": account,
    "admin.act": account,
    "admin.put_unit": units,
    "admin.put_list": units,
    "admin.add_key": clients,
}


@blueprint.errorhandler(Refused)
@blueprint.errorhandler(FileError)
def _refused(error: Refused | FileError) -> Response:
    """The page of the form again, with what was typed and the mistake beside its field."""
    if not isinstance(error, Refused):
        error = Refused("file" if request.files else "", "", *error.text)
    page = _PAGE_OF.get(str(request.endpoint))
    if page is None:
        return message(422, "refused_title", error.text)
    asked = {"login": request.view_args["login"]} if page is account and request.view_args else {}
    return page(**asked, mistake=error)


def _page(part: str, shown: Record, mistake: Refused | None, **values: object) -> Response:
    """A page; its form has what was typed where that was refused, else what is ``shown``."""
    return staff_page(
        f"admin_{part}.html",
        422 if mistake else 200,
        typed=shown | request.form.to_dict(),
        mistakes={mistake.field: mistake.text} if mistake else {},
        units=units_within(the_bureau().db, the_staff().unit),
        roles=STAFF_ROLES,
        **values,
    )


def _typed(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in names}


def _done(told: Text, address: str) -> AnyResponse:
    tell(told)
    return redirect(address, 303)


def _secret(done: Text, name: str, secret: str, back: str = ".staff") -> Response:
    """What is told this once, on a page that no cache and no address keeps."""
    return staff_page("admin_secret.html", done=done, name=name, secret=secret, back=url_for(back))
