"""Reads what is handed in into a case record, and checks each field on the way.

The body is the API's: ``{number, kind, unit, name, officer, badge, channel, reported_at,
taken_in_at, parties: [{role, name, phone, id_last4}], milestones: [{step, at, outcome,
extended_days, approved_by}], property: [{name, quantity, unit, measure, status, place}],
withheld_reason, remark}``. A blank or missing field tells nothing; an empty withheld_reason says
that the case is disclosed. A register's row is laid out as such a body first, so that every way
in has the same rules and the same sentences.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from lookup.beijing import Moment, parse_moment
from lookup.errors import Refused
from lookup.kinds import Kind, Kinds, Milestone
from lookup.language import Text, plain
from lookup.records import (
    INTAKE,
    REPORTED,
    CaseRecord,
    CaseRefused,
    MilestoneRecord,
    PartyRecord,
    PropertyRecord,
    disorder,
    prose,
    quoted,
    said_moment,
)
from lookup.vocabulary import (
    CHANNELS,
    MEASURES,
    PROPERTY_STATES,
    ROLES,
    WITHHELD_REASONS,
    Words,
)

Body = Mapping[str, Any]
T = TypeVar("T")

LONGEST = 200
LONGEST_REMARK = 4000
NUMBER = re.compile(r"[A-Za-z0-9\u3007\u3400-\u9fff\U00020000-\U0003ffff\-_()（）〔〕\[\]]{1,64}")
_BETWEEN_BRACKETS = re.compile("[^（）]+")
_MOBILE = re.compile(r"1[0-9]{10}")
_LANDLINE = re.compile(r"0[0-9]{9,11}")
_PHONE_SIGNS = re.compile(r"[\s\-–—()]")
_COUNTRY_CODE = re.compile(r"^(?:\+|00)?86(?=1[0-9]{10}$)")
QUANTITY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_ID_LAST4 = re.compile(r"[0-9]{3}[0-9X]")
# Not names: two who would not give theirs are not one person.
_NOBODY = {"匿名", "不详", "未知", "不明", "无名氏", "不愿透露姓名"}
_LEFT_OUT = Text("，已略去，案件照常收下。", "; it was left out, the case taken in.")
_MEND = Text("，请改正或清空。", "; correct it or clear it.")


@dataclass(frozen=True)
class Bounds:
    """What a body is checked against: the kinds, the known units, the latest moment allowed.

    ``strict`` refuses what is else left out with a warning: somebody is there to mend it.
    """

    kinds: Kinds
    units: frozenset[str]
    as_of: Moment
    strict: bool = False


def read_case(body: Body, bounds: Bounds, refusals: Sequence[Refused] = ()) -> CaseRecord:
    """The case a body describes.

    Raises CaseRefused with all that breaks a rule, ``refusals`` first: those that were found in
    laying it out as a body.
    """
    reader = _Reader(bounds, refusals)
    record = reader.case(body)
    if record is None or reader.refusals:
        raise CaseRefused("the case was refused", reader.refusals)
    return record


class _Reader:
    """Reads one body, gathering every refusal and warning on the way."""

    def __init__(self, bounds: Bounds, refusals: Sequence[Refused]) -> None:
        self.bounds = bounds
        self.refusals = list(refusals)
        self.warnings: list[Refused] = []

    def case(self, body: Body) -> CaseRecord | None:
        number = self._try(_number, _raw(body, "number"))
        kind = self._try(self._kind, _written(body, "kind"))
        unit = self._try(self._unit, _written(body, "unit"))
        reported = self._moment(_written(body, "reported_at"), "reported_at")
        intake = self._moment(_written(body, "taken_in_at"), "taken_in_at") or reported
        self._try(_require_a_time, body)
        milestones = self._milestones(body, kind) if kind else ()
        parties = tuple(self._each(self._party, body, "parties"))
        seized = tuple(self._each(self._property, body, "property"))
        withheld = self._withheld(body)
        remark = self._text(body, "remark", LONGEST_REMARK)
        texts = [self._text(body, field) for field in ("name", "officer", "badge", "channel")]
        if kind:
            moments = {REPORTED: reported, INTAKE: intake} | {m.step: m.moment for m in milestones}
            self.refusals += disorder(kind, {step: at for step, at in moments.items() if at})
        if self.refusals or not (number and kind and unit and intake):
            return None
        name, officer, badge, channel = texts
        return CaseRecord(
            number=number,
            kind=kind,
            unit=unit,
            name=name,
            officer=officer,
            badge=badge,
            channel=CHANNELS.code_for(channel) or channel,
            reported=reported,
            intake=intake,
            # Somebody who gives no name has a right to a receipt too.
            parties=parties or (PartyRecord("complainant", ""),),
            milestones=milestones,
            seized=seized,
            withheld_reason=withheld,
            remark=remark,
            tells=body.get("tells"),
            warnings=tuple(self.warnings),
        )

    def _try(self, read: Callable[..., T], *args: Any) -> T | None:
        try:
            return read(*args)
        except Refused as refusal:
            self.refusals.append(refusal)
            return None

    def _each(self, read: Callable[[Body, str], T | None], body: Body, field: str) -> Iterable[T]:
        for place, item in enumerate(body.get(field) or ()):
            known = read(item, item.get("at_path") or f"{field}.{place}")
            if known is not None:
                yield known

    def _text(self, body: Body, field: str, longest: int = LONGEST, path: str = "") -> str:
        written = prose(_raw(body, field))
        if len(written) > longest:
            zh, en = (
                "内容过长（{n} 字），最多 {most} 字。",
                "Too long ({n} characters); at most {most}.",
            )
            self.refusals.append(_bad(path or field, written, zh, en, n=len(written), most=longest))
        return written

    def _kind(self, written: str) -> Kind:
        kind = self.bounds.kinds.by_register(written)
        if kind is None:
            raise _bad(
                "kind",
                written,
                "案件类别“{value}”未配置，可用：{known}。",
                "The kind of case “{value}” is not configured; use one of: {known}.",
                known=_listed(known.name for known in self.bounds.kinds.values()),
            )
        return kind

    def _unit(self, unit: str) -> str:
        if unit not in self.bounds.units:
            raise _bad(
                "unit",
                unit,
                "受理单位代码“{value}”不存在，请先导入该单位或改正代码。",
                "There is no unit with the code “{value}”; import the unit first or mend the code.",
            )
        return unit

    def _moment(self, written: str, path: str) -> Moment | None:
        return self._try(self._checked_moment, written, path) if written else None

    def _checked_moment(self, written: str, path: str) -> Moment:
        moment = read_moment(written, path)
        if self.bounds.as_of.is_before(moment):
            raise _bad(
                path,
                written,
                "“{value}”晚于截止时间 {until}，尚未发生。",
                "“{value}” is later than {until}: it cannot have happened yet.",
                until=said_moment(self.bounds.as_of),
            )
        return moment

    def _milestones(self, body: Body, kind: Kind) -> tuple[MilestoneRecord, ...]:
        found: dict[str, MilestoneRecord] = {}
        read = partial(self._try, partial(self._milestone, kind))
        for one in self._each(read, body, "milestones"):
            if one.step in found:
                zh, en = "节点“{value}”出现了两次。", "“{value}” is there twice."
                self.refusals.append(_bad("milestones", one.step, zh, en))
            found[one.step] = one
        return tuple(found.values())

    def _milestone(self, kind: Kind, item: Body, path: str) -> MilestoneRecord | None:
        rule = _rule_of(kind, _written(item, "step"), f"{path}.step")
        at, said = _written(item, "at"), _written(item, "outcome")
        moment = self._moment(at, f"{path}.at")
        outcome = self._try(_outcome, kind, rule, said, bool(at), f"{path}.outcome")
        days = _written(item, "extended_days")
        extended = self._try(_extended, rule, days, f"{path}.extended_days") if days else None
        approver = self._text(item, "approved_by", path=f"{path}.approved_by")
        if extended and not approver:
            zh, en = "延长期限没有填写批准人。", "The extension does not say who approved it."
            self.warnings.append(Refused(f"{path}.approved_by", "", zh, en))
        if moment is None and extended is None:
            return None
        return MilestoneRecord(rule.step, moment, outcome or "", extended, approver)

    def _party(self, item: Body, path: str) -> PartyRecord | None:
        name = plain(self._text(item, "name", path=f"{path}.name"))
        name = "" if name in _NOBODY else name
        phone = self._phone(_written(item, "phone"), f"{path}.phone")
        id_last4 = self._id_last4(_written(item, "id_last4"), f"{path}.id_last4")
        role = self._word(ROLES, item, "role", f"{path}.role")
        if not (name or phone or id_last4 or self.bounds.strict):
            return None
        return PartyRecord(role, name, phone, id_last4)

    def _phone(self, written: str, path: str) -> str:
        phone = phone_digits(written)
        if not phone or _MOBILE.fullmatch(phone) or _LANDLINE.fullmatch(phone):
            return phone
        zh, en = "电话“{value}”位数或格式不对", "The phone “{value}” has the wrong length or form"
        return self._leave_out(path, written, zh, en)

    def _id_last4(self, written: str, path: str) -> str:
        last4 = written.upper()
        if not last4 or _ID_LAST4.fullmatch(last4):
            return last4
        zh, en = "证件后四位“{value}”格式不对", "“{value}” is no end of an identity number"
        return self._leave_out(path, written, zh, en)

    def _leave_out(self, path: str, written: str, zh: str, en: str) -> str:
        tail = _MEND if self.bounds.strict else _LEFT_OUT
        found = self.refusals if self.bounds.strict else self.warnings
        found.append(_bad(path, written, zh + tail.zh, en + tail.en))
        return ""

    def _property(self, item: Body, path: str) -> PropertyRecord | None:
        record = PropertyRecord(
            name=self._text(item, "name", path=f"{path}.name"),
            quantity=self._try(_quantity, _written(item, "quantity"), f"{path}.quantity") or "",
            unit=self._text(item, "unit", path=f"{path}.unit"),
            measure=self._word(MEASURES, item, "measure", f"{path}.measure"),
            status=self._word(PROPERTY_STATES, item, "status", f"{path}.status"),
            place=self._text(item, "place", path=f"{path}.place"),
        )
        if not record.name:
            zh, en = "涉案财物没有名称。", "A seized thing has no name."
            self.refusals.append(Refused(f"{path}.name", "", zh, en))
        return record

    def _withheld(self, body: Body) -> str | None:
        told: str | None = body.get("withheld_reason")
        # Only the empty text says that a case is disclosed, never a stray blank.
        return self._word(WITHHELD_REASONS, body, "withheld_reason") if told else told

    def _word(self, words: Words, body: Body, field: str, path: str = "") -> str:
        written = _written(body, field)
        code = words.code_for(written)
        if code is None:
            zh, en = "“{value}”不在可用词之内：{words}。", "“{value}” is not one of: {words}."
            self.refusals.append(_bad(path or field, written, zh, en, words=words.listed()))
        return code or ""


def phone_digits(written: str) -> str:
    """A phone number as it is kept: without signs, spaces and the country's code."""
    return _COUNTRY_CODE.sub("", _PHONE_SIGNS.sub("", written))


def read_moment(written: str, path: str) -> Moment:
    """A date as people and registers write it; raises Refused for the field ``path``."""
    try:
        return parse_moment(written)
    except ValueError:
        raise _bad(
            path,
            written,
            "“{value}”不是有效的日期，请写成 2026-11-20 或 2026-11-20 09:05。",
            "“{value}” is not a possible date; write it as 2026-11-20 or 2026-11-20 09:05.",
        ) from None


def require_number(number: str) -> None:
    """Raise Refused for what is no case number as it stands."""
    if not NUMBER.fullmatch(number):
        raise _bad(
            "number",
            number,
            "案件编号“{value}”不对：只能由 1–64 个字母、数字、汉字和 -_()（）〔〕[] 组成。",
            "“{value}” is no case number: 1–64 letters, digits, Chinese characters and "
            "-_()（）〔〕[].",
        )


def _bad(field: str, written: str, zh: str, en: str, **more: str | int | Text) -> Refused:
    """The refusal of a value: a long one is quoted in part, a blank one said to be blank."""
    shown = quoted(written)
    text = Text(zh, en).fill(value=shown or Text("（空白）", "(blank)"), **more)
    return Refused(field, shown, text.zh, text.en)


def _listed(names: Iterable[Text]) -> Text:
    zh, en = zip(*names, strict=True)
    return Text("、".join(zh), ", ".join(en))


def _raw(body: Body, field: str) -> str:
    value = body.get(field)
    return "" if value is None else str(value)


def _written(body: Body, field: str) -> str:
    return plain(_raw(body, field))


def _number(written: str) -> str:
    # Full-width brackets stay: a number is shown as it is printed elsewhere.
    number = _BETWEEN_BRACKETS.sub(lambda part: plain(part[0]).replace(" ", ""), written)
    if not number:
        zh, en = "没有案件编号，请补上编号。", "There is no case number; add it."
        raise Refused("number", "", zh, en)
    require_number(number)
    return number


def _require_a_time(body: Body) -> None:
    if not (_written(body, "reported_at") or _written(body, "taken_in_at")):
        raise Refused(
            "taken_in_at",
            "",
            "没有受案时间，也没有报案时间，请至少填写一个。",
            "Neither the time of taking in nor that of reporting is given; add one of them.",
        )


def _rule_of(kind: Kind, step: str, path: str) -> Milestone:
    rule = kind.milestone(step) if kind.has_step(step) else None
    if rule is None or rule.follows is None:
        raise _bad(
            path,
            step,
            "{kind}案件没有可以记录的节点“{value}”。",
            "{kind} cases have no milestone “{value}” to record.",
            kind=kind.name,
        )
    return rule


def _outcome(kind: Kind, rule: Milestone, written: str, is_dated: bool, path: str) -> str:
    outcome = kind.outcome_named(rule.step, written) if written else None
    if written and outcome is None:
        raise _bad(
            path,
            written,
            "{kind}案件的{step}没有“{value}”这一结果，可用：{known}。",
            "“{step}” of {kind} cases has no outcome “{value}”; known outcomes: {known}.",
            kind=kind.name,
            step=rule.name,
            known=_listed([known.name for known in rule.outcomes] or [Text("无", "none")]),
        )
    if outcome and not is_dated:
        zh, en = (
            "有{step}结果但没有时间，请补上时间。",
            "“{step}” has an outcome but no date; add it.",
        )
        raise _bad(path, written, zh, en, step=rule.name)
    if is_dated and not outcome and len({known.ends for known in rule.outcomes}) > 1:
        zh, en = (
            "有{step}时间但没有结果，请填写结果。",
            "“{step}” has a date but no outcome; add it.",
        )
        raise _bad(path, "", zh, en, step=rule.name)
    return outcome.code if outcome else ""


def _extended(rule: Milestone, written: str, path: str) -> int:
    match = re.fullmatch(r"(\d{1,3}) ?(?:日|天|days?)?", written)
    allowed = rule.clock.extensions if rule.clock else ()
    if match is None or int(match[1]) not in allowed:
        days = [Text(f"{days}天", f"{days} days") for days in allowed] or [Text("无", "none")]
        raise _bad(
            path,
            written,
            "{step}的期限不能延长为“{value}”，允许的总天数：{days}。",
            "The clock of “{step}” cannot be extended to “{value}”; totals allowed: {days}.",
            step=rule.name,
            days=_listed(days),
        )
    return int(match[1])


def _quantity(written: str, path: str) -> str:
    digits = re.sub("[, ]", "", written)
    if not QUANTITY.fullmatch(digits) or not Decimal(digits):
        zh, en = "数量“{value}”不是正数。", "The quantity “{value}” is not a positive number."
        raise _bad(path, written, zh, en)
    return f"{Decimal(digits).normalize():f}"
