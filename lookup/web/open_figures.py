"""What everybody may read, as a page and for programs, with the head of the record."""

import hashlib
import re
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import utc_now
from lookup.database import Record
from lookup.open_figures import Quarter, as_csv, as_json, open_periods, open_quarters
from lookup.periods import read_period
from lookup.proofs import head_now
from lookup.trail import Head
from lookup.web.errors import message
from lookup.web.guard import allow
from lookup.web.pages import page, the_bureau
from lookup.web.wording import said

blueprint = Blueprint("open", __name__)

_MINUTES = 5
_LATEST = 8  # quarters in a file, so that it stays quick however many there are
_SIZE, _ROOT = re.compile(r"\d{1,15}", re.ASCII), re.compile(r"[0-9a-f]{64}")
_SCRIPT = "verify_inclusion.py"


@blueprint.get("/open")
@allow("public")
def show() -> AnyResponse:
    """One quarter's figures, the latest unless another is asked for."""
    bureau = the_bureau()
    periods, wanted, quarters = _quarters(1)
    answer = page(
        "open.html",
        asked=wanted[0] if wanted else "",
        quarter=quarters[0] if quarters else None,
        periods={code: read_period(code).name for code in periods},
        fewest=bureau.oversight.published.fewest,
        head=head_now(bureau.db, utc_now()),
    )
    answer.vary.update(("Cookie", "Accept-Language"))
    return _kept(answer)


@blueprint.get("/open.json")
@allow("public")
def figures_json() -> AnyResponse:
    """The figures for programs; with a former head, the proof that the record continues it."""
    bureau = the_bureau()
    head = head_now(bureau.db, utc_now(), _former())
    periods, wanted, quarters = _quarters(_LATEST)
    altered = {*wanted} - {quarter.period.code for quarter in quarters}
    sound = [code for code in periods if code not in altered]
    told = as_json(head, bureau.oversight.published.fewest, sound, quarters)
    return _kept(Response(told, mimetype="application/json"), head)


@blueprint.get("/open.csv")
@allow("public")
def figures_csv() -> AnyResponse:
    """The figures for spreadsheets."""
    told = as_csv(head_now(the_bureau().db, utc_now()), _quarters(_LATEST)[2])
    answer = Response(told, mimetype="text/csv")
    answer.headers["Content-Disposition"] = "attachment; filename=open.csv"
    return _kept(answer)


@blueprint.get(f"/open/{_SCRIPT}")
@allow("public")
def script() -> AnyResponse:
    """The program that checks proofs, to read and to keep."""
    file = Path(current_app.root_path) / "tools" / _SCRIPT
    return send_file(file, "text/x-python", as_attachment=True, max_age=_MINUTES * 60)


def _quarters(most: int) -> tuple[list[str], list[str], list[Quarter]]:
    """All there are, the one of them that is asked for, else the latest, and what is sound of
    these."""
    bureau, asked = the_bureau(), request.args.get("period", "")
    periods = open_periods(bureau.db)
    wanted = [asked] if asked in periods else periods[:most]
    return periods, wanted, open_quarters(bureau.db, bureau.oversight.published, wanted)


def _former() -> Head | None:
    size, root = request.args.get("size"), request.args.get("root")
    if size is None and root is None:
        return None
    root = (root or "").strip().lower()
    if not _SIZE.fullmatch(size or "") or not _ROOT.fullmatch(root):
        abort(message(400, "refused_title", said("open_bad_head")))
    return Head(int(size or ""), root)


def _kept(answer: Response, head: Record | None = None) -> AnyResponse:
    """Kept by caches for some minutes, and sent again only where more than the time has changed."""
    answer.headers["Cache-Control"] = f"public, max-age={_MINUTES * 60}"
    at = head["at"].encode() if head else b""
    digest = hashlib.sha256(answer.get_data().replace(at, b""))
    answer.set_etag(digest.hexdigest()[:32], weak=True)
    return answer.make_conditional(request)
