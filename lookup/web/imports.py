"""A register taken in by page: upload, see what would change, import, fetch what was rejected."""

from io import BytesIO

from flask import Blueprint, Response, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import uploads
from lookup.beijing import beijing_day, utc_now
from lookup.errors import FileError, Refused
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("imports", __name__, url_prefix="/desk/import")

LARGEST_REGISTER = 8 * 1024 * 1024
_ROWS_SHOWN = 50


@blueprint.get("")
@allow("load")
def form(mistake: Refused | None = None) -> Response:
    """Where a register is uploaded."""
    now = utc_now()
    return staff_page(
        "import.html",
        422 if mistake else 200,
        mistakes={mistake.field: mistake.text} if mistake else {},
        typed=request.form,
        waiting=uploads.uploads_of(the_bureau().db, the_staff(), now),
        today=beijing_day(now),
        most_rows=uploads.MOST_ROWS,
        most_megabytes=LARGEST_REGISTER // 1024**2,
    )


@blueprint.errorhandler(Refused)
@blueprint.errorhandler(FileError)
def _refused(error: Refused | FileError) -> Response:
    """The form again, with what was typed and the mistake beside its field."""
    return form(error if isinstance(error, Refused) else Refused("file", "", *error.text))


@blueprint.post("")
@allow("load", largest=LARGEST_REGISTER)
def rehearse() -> AnyResponse:
    """Show what an uploaded register would change; nothing is written yet."""
    file = request.files.get("file")
    if not file or not file.filename:
        raise Refused("file", "", *said("import_no_file"))
    as_of, backlog = request.form.get("as_of", ""), "backlog" in request.form
    told = uploads.Upload(file.filename, file.read(), as_of, backlog)
    made = uploads.rehearse(the_bureau(), the_staff(), told, utc_now())
    return redirect(url_for(".show", upload_id=made), 303)


@blueprint.get("/<upload_id>")
@allow("load")
def show(upload_id: str) -> Response:
    """What a register would change, or what became of it."""
    upload = uploads.find_upload(the_bureau(), the_staff(), upload_id, utc_now())
    return staff_page(
        "import_result.html",
        upload=upload,
        upload_id=upload_id,
        refused=list(upload.refused(_ROWS_SHOWN)),
        rows_shown=_ROWS_SHOWN,
    )


@blueprint.post("/<upload_id>")
@allow("load")
def take_in(upload_id: str) -> AnyResponse:
    """Import what was shown."""
    uploads.take_in(the_bureau(), the_staff(), upload_id, utc_now())
    return redirect(url_for(".show", upload_id=upload_id), 303)


@blueprint.post("/<upload_id>/discard")
@allow("load")
def discard(upload_id: str) -> AnyResponse:
    """Forget an uploaded register and what became of it."""
    uploads.discard(the_bureau().db, the_staff(), upload_id)
    tell(said("import_discarded"))
    return redirect(url_for(".form"), 303)


@blueprint.get("/<upload_id>/rejects.csv")
@allow("load")
def rejects(upload_id: str) -> Response:
    """The rejected rows as the command writes them, to be mended and handed in again."""
    upload = uploads.find_upload(the_bureau(), the_staff(), upload_id, utc_now())
    name = f"{upload.name.rpartition('.')[0] or upload.name}.rejects.csv"
    answer = send_file(BytesIO(upload.rejects.encode()), "text/csv", True, name)
    answer.headers["Cache-Control"] = "no-store"
    return answer
