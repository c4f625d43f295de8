"""What programs hand in: its shapes, checked as it is decoded, and how a case is taken in.

The interface's description is made of these shapes too. Beyond them, the rules and sentences
are those of the file import (`bodies.read_case`).
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from msgspec import DecodeError, Meta, Struct, ValidationError, convert, field, json, to_builtins

from lookup.beijing import Moment
from lookup.bodies import LONGEST, LONGEST_REMARK, Bounds, read_case, require_number
from lookup.bureau import Bureau
from lookup.cases import AsOf, Put, put_case
from lookup.clients import Client
from lookup.errors import FileError, Refused
from lookup.language import Text, plain
from lookup.rates import GROUPINGS
from lookup.records import CaseRecord, quoted
from lookup.trail import change
from lookup.units import unit_codes
from lookup.within import FilesWithin, out_of_reach

T = TypeVar("T")

# Text without NUL, which no database keeps; and, where a blank is taken for nothing told, empty or
# with something to be seen.
_NO_NUL = r"^[^\x00]*$"
_SEEN = r"^$|[^\s\x00-\x1f\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]"
MOST = 999_999_999_999_999
Prose = Annotated[str, Meta(max_length=LONGEST, pattern=_NO_NUL)]
Remark = Annotated[str, Meta(max_length=LONGEST_REMARK, pattern=_NO_NUL)]
Word = Annotated[str, Meta(pattern=_NO_NUL)]
Seen = Annotated[str, Meta(pattern=_SEEN)]
Days = Annotated[int, Meta(ge=0, le=999)]
Count = Annotated[int, Meta(ge=0, le=MOST)] | Annotated[float, Meta(ge=0, le=MOST)]


class HandInParty(Struct, forbid_unknown_fields=True):
    """A person with the right to follow the case; a phone or id_last4 of another form is left
    out with a warning."""

    role: Word | None = None
    name: Prose | None = None
    phone: Prose | None = None
    id_last4: Prose | None = None


class HandInMilestone(Struct, forbid_unknown_fields=True):
    """A step that has happened, an extension of its time, or both; extended_days is the total."""

    step: Word | None = None
    at: Seen | None = None
    outcome: Seen | None = None
    extended_days: Days | None = None
    approved_by: Prose | None = None


class HandInProperty(Struct, forbid_unknown_fields=True):
    """A seized, sealed or frozen thing."""

    name: Prose | None = None
    quantity: Word | Count | None = None
    unit: Prose | None = None
    measure: Word | None = None
    status: Word | None = None
    place: Prose | None = None


class HandIn(Struct, forbid_unknown_fields=True):
    """A case as it stands in the case system now. A blank or missing field tells nothing and
    erases nothing; an empty withheld_reason says that the case is disclosed."""

    kind: Word | None = None
    unit: Word | None = None
    name: Prose | None = None
    officer: Prose | None = None
    badge: Prose | None = None
    channel: Prose | None = None
    reported_at: Seen | None = None
    taken_in_at: Seen | None = None
    parties: Annotated[list[HandInParty], Meta(max_length=50)] | None = None
    milestones: Annotated[list[HandInMilestone], Meta(max_length=50)] | None = None
    property: Annotated[list[HandInProperty], Meta(max_length=500)] | None = None
    withheld_reason: Word | None = None
    remark: Remark | None = None


class RatesQuery(Struct, forbid_unknown_fields=True):
    """Which rates are asked for, as in the address."""

    first: str = field(name="from")
    last: str = field(name="to")
    by: Annotated[str, Meta(extra_json_schema={"enum": list(GROUPINGS)})] = "unit"
    unit: str | None = None
    cutoff: str | None = None
    format: Literal["json", "csv", "xlsx"] = "json"


def read_hand_in(
    bureau: Bureau, client: Client, number: str, body: bytes, now: datetime
) -> CaseRecord:
    """The case that a body of JSON describes.

    Raises FileError where it is no JSON, Refused where it has not the shape of a case, and
    CaseRefused with all that breaks a rule.
    """
    require_number(number)
    told = to_builtins(shaped(_decoded(body), HandIn))
    units, reach = unit_codes(bureau.db), client.reach(bureau.db)
    unit = plain(told["unit"] or "")
    outside = reach is not None and unit in units - reach
    bounds = Bounds(bureau.kinds, units, Moment.of(now))
    refusals = [out_of_reach("unit", unit)] if outside else []
    return read_case(told | {"number": number}, bounds, refusals)


def put_hand_in(bureau: Bureau, client: Client, record: CaseRecord, now: datetime) -> Put:
    """Take a case in as the case system's present word.

    Raises CaseRefused where it does not go with what is on file, Conflict where the case on file
    is out of the client's reach.
    """
    with change(bureau.db, client.actor, now) as ongoing:
        files = FilesWithin(bureau.db, [record.number], client.reach(bureau.db))
        return put_case(bureau, ongoing, record, AsOf(now, stated=True), files)


def _decoded(body: bytes) -> Any:
    try:
        return json.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(
            f"内容不是可以读取的 JSON（UTF-8），什么也没有保存：{error}。",
            f"This is no JSON in UTF-8 that can be read; nothing was saved: {error}.",
        ) from None


def shaped(told: Any, shape: type[T]) -> T:
    """What was told, as one of the shapes above; raises Refused naming the place."""
    try:
        return convert(told, shape)
    except ValidationError as error:
        raise _refusal(str(error), told) from None


_MESSAGE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
# What msgspec says of a shape, and how it is said here.
_SHAPES = {
    r"Object contains unknown field `(.*)`": Text(
        "没有“{place}”这个字段，请删除或改正名称。",
        "There is no field “{place}”; take it out or mend its name.",
    ),
    r"Object missing required field `(.*)`": Text("缺少“{place}”。", "“{place}” is missing."),
    r"Expected `(.*)`, got `.*`": Text(
        "“{place}”的类型不对，应为 {said}。",
        "“{place}” is of the wrong type; it must be {said}.",
    ),
    r"Expected `str` of length <= (\d+)": Text(
        "内容过长（{length} 字），最多 {said} 字。",
        "Too long ({length} characters); at most {said}.",
    ),
    rf"Expected `str` matching regex '({re.escape(repr(_NO_NUL)[1:-1])})'": Text(
        "“{place}”含有无法保存的空字符（NUL），请删除后重试。",
        "“{place}” holds a NUL character, which cannot be kept; please remove it.",
    ),
    r"Expected `str` matching regex (.*)": Text(
        "“{place}”只有看不见的字符；没有内容请写空字符串或 null。",
        "There is nothing to be seen in “{place}”; where there is nothing to tell, write an empty "
        "string or null.",
    ),
    r"(.*)": Text("“{place}”超出允许的范围。", "“{place}” is out of the range allowed."),
}
_JSON_TYPES = {"str": "string", "int": "integer", "float": "number"}


def _refusal(message: str, told: Any) -> Refused:
    found = _MESSAGE.fullmatch(message)
    what, place = found.groups("") if found else (message, "")
    path = re.sub(r"\[(\d+)\]", r".\1", place)
    value = _value_at(told, path)
    shapes = ((re.fullmatch(shape, what, re.DOTALL), text) for shape, text in _SHAPES.items())
    match, text = next((match, text) for match, text in shapes if match)
    if " field " in what:
        path = f"{path}.{match[1]}".lstrip(".")
    said = re.sub(r"\w+", lambda word: _JSON_TYPES.get(word[0], word[0]), match[1])
    text = text.fill(place=quoted(path) or "JSON", said=said, length=len(value))
    return Refused(quoted(path), quoted(value), *text)


def _value_at(told: Any, path: str) -> str:
    for step in filter(None, path.split(".")):
        told = told[int(step) if isinstance(told, list) else step]
    return told if isinstance(told, str) else ""
