"""What staff type of a part of a case, read by the rules of a whole one."""

from collections.abc import Mapping
from datetime import date

from lookup.beijing import Moment, beijing_day
from lookup.bodies import LONGEST, Bounds, read_case, read_moment
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import Refused
from lookup.records import CaseRecord, CaseRefused, prose, said_moment
from lookup.trail import Change
from lookup.units import unit_codes


def read_part(
    bureau: Bureau, change: Change, case: Record, part: str, told: Mapping[str, str]
) -> CaseRecord:
    """A kept case with one person (``parties``) or thing (``property``) as typed; raises
    CaseRefused with all that is wrong."""
    bounds = Bounds(bureau.kinds, unit_codes(change.db), Moment.of(change.now), strict=True)
    body = {name: case[name] for name in ("number", "kind", "unit")}
    taken_in = said_moment(Moment.read(case["intake_day"], case["intake_at"]))
    return read_case(body | {"taken_in_at": taken_in, part: [told]}, bounds)


def read_words(field: str, written: str, longest: int = LONGEST) -> str:
    """A short text that must be there; raises CaseRefused."""
    text = prose(written)
    if not 0 < len(text) <= longest:
        zh, en = ("请填写原因", "Give the reason") if field == "why" else ("请填写", "Fill this in")
        most = f"，最多 {longest} 字。", f", with at most {longest} characters."
        raise refusal(field, zh + most[0], en + most[1])
    return text


def read_day(change: Change, written: str) -> date:
    """A day that is not yet to come; raises CaseRefused."""
    try:
        day = read_moment(written, "day").day
    except Refused as refused:
        raise CaseRefused("the day was refused", [refused]) from None
    if day > beijing_day(change.now):
        raise refusal("day", "日期不能晚于今天。", "The day cannot be later than today.")
    return day


def refusal(field: str, zh: str, en: str) -> CaseRefused:
    """The one thing that is wrong with what was typed in a field."""
    return CaseRefused("what was typed was refused", [Refused(field, "", zh, en)])


def like(text: str) -> str:
    """What was typed, as the pattern of a LIKE … ESCAPE '!'. Signs are kept in either width, and
    beyond the Latin letters the engines do not agree on what is one letter: there any character
    will do."""
    return "".join(map(_like, text))


def _like(character: str) -> str:
    if character in ",:;!?()" or (character > "\x7f" and character.upper() != character):
        return "_"
    return f"!{character}" if character in "%_" else character
