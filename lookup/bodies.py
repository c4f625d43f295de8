"""Reads what is handed in into a case record, and checks each field on the way.

The body is the API's: ``{number, kind, unit, name, officer, badge, channel, reported_at,
taken_in_at, parties: [{role, name, phone, id_last4}], milestones: [{step, at, outcome,
extended_days, approved_by}], property: [{name, quantity, unit, measure, status, place}],
withheld_reason, remark}``. A register's row is laid out as such a body first, so that every
way in has the same rules and the same sentences.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from lookup.beijing import Moment, parse_moment
from lookup.errors import Refused
from lookup.kinds import Kind, Kinds, Milestone
from lookup.language import plain
from lookup.records import (
    CaseRecord,
    MilestoneRecord,
    PartyRecord,
    PropertyRecord,
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

_LONGEST = 200
_LONGEST_REMARK = 4000
_NUMBER = re.compile(r"[A-Za-z0-9\u3007\u3400-\u9fff\U00020000-\U0003ffff\-_()（）〔〕\[\]]{1,64}")
_MOBILE = re.compile(r"1\d{10}")
_LANDLINE = re.compile(r"0\d{9,11}")
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "（）"}
_FAR_ENOUGH_BACK = 1949


@dataclass(frozen=True)
class Bounds:
    """What a body is checked against: the kinds, the known units, the latest moment allowed."""

    kinds: Kinds
    units: frozenset[str]
    as_of: Moment


def read_case(body: Body, bounds: Bounds) -> CaseRecord:
    """The case a body describes.

    Raises ExceptionGroup of Refused, one for each field that breaks a rule.
    """
    reader = _Reader(bounds)
    record = reader.case(body)
    if record is None or reader.refusals:
        raise ExceptionGroup("the case was refused", reader.refusals)
    return record


class _Reader:
    """Reads one body, gathering every refusal and warning on the way."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.refusals: list[Refused] = []
        self.warnings: list[Refused] = []

    def case(self, body: Body) -> CaseRecord | None:
        number = self._try(_number, body)
        kind = self._try(self._kind, body)
        unit = self._try(self._unit, body)
        reported = self._moment(body, "reported_at")
        taken_in = self._moment(body, "taken_in_at")
        intake = taken_in or reported
        if not (self.refusals or intake):
            self._refuse(
                "taken_in_at",
                "",
                "没有受案时间，也没有报案时间。",
                "Neither the time of taking in nor that of reporting is given.",
            )
        milestones = self._milestones(body, kind) if kind else ()
        parties = tuple(self._each(self._party, body, "parties"))
        seized = tuple(self._each(self._property, body, "property"))
        withheld = self._word(WITHHELD_REASONS, body, "withheld_reason", may_be_blank=True)
        remark = self._text(body, "remark", _LONGEST_REMARK)
        texts = [self._text(body, field) for field in ("name", "officer", "badge", "channel")]
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

    def _text(self, body: Body, field: str, longest: int = _LONGEST, path: str = "") -> str:
        written = plain(_written(body, field))
        if len(written) > longest:
            self._refuse(
                path or field,
                written[:20] + "…",
                f"内容过长（{len(written)} 字），最多 {longest} 字。",
                f"Too long ({len(written)} characters); at most {longest}.",
            )
        return written

    def _kind(self, body: Body) -> Kind:
        written = _written(body, "kind")
        kind = self.bounds.kinds.by_register(written)
        if kind is None:
            known = self.bounds.kinds.values()
            raise Refused(
                "kind",
                written,
                f"案件类别“{written}”未配置，可用：{'、'.join(k.name.zh for k in known)}。",
                f"The kind of case “{written}” is not configured; use one of: "
                f"{', '.join(k.name.en for k in known)}.",
            )
        return kind

    def _unit(self, body: Body) -> str:
        unit = plain(_written(body, "unit"))
        if unit not in self.bounds.units:
            raise Refused(
                "unit",
                unit,
                f"受理单位代码“{unit}”不存在，请先导入该单位或改正代码。",
                f"There is no unit with the code “{unit}”; import the unit first or mend the code.",
            )
        return unit

    def _moment(self, body: Body, field: str) -> Moment | None:
        return self._try(self._checked_moment, _written(body, field), field)

    def _checked_moment(self, written: str, path: str) -> Moment | None:
        if not written.strip():
            return None
        try:
            moment = parse_moment(written)
        except ValueError:
            moment = None
        if moment is None or moment.day.year < _FAR_ENOUGH_BACK:
            raise Refused(
                path,
                written,
                "不是有效的日期，请写成 2026-11-20 或 2026-11-20 09:05。",
                "Not a possible date; write it as 2026-11-20 or 2026-11-20 09:05.",
            )
        if self.bounds.as_of.is_before(moment):
            raise Refused(
                path,
                written,
                f"晚于截止时间 {said_moment(self.bounds.as_of)}，尚未发生。",
                f"Later than {said_moment(self.bounds.as_of)}: it cannot have happened yet.",
            )
        return moment

    def _milestones(self, body: Body, kind: Kind) -> tuple[MilestoneRecord, ...]:
        read = (
            self._try(self._milestone, item, item.get("at_path") or f"milestones.{place}", kind)
            for place, item in enumerate(body.get("milestones") or ())
        )
        return tuple(milestone for milestone in read if milestone is not None)

    def _milestone(self, item: Body, path: str, kind: Kind) -> MilestoneRecord | None:
        rule = _rule_of(kind, _written(item, "step"), f"{path}.step")
        moment = self._checked_moment(_written(item, "at"), f"{path}.at")
        outcome = _outcome(kind, rule, _written(item, "outcome"), moment, f"{path}.outcome")
        extended = _extended(rule, _written(item, "extended_days"), f"{path}.extended_days")
        approver = self._text(item, "approved_by", path=f"{path}.approved_by")
        if extended and not approver:
            self._warn(
                f"{path}.approved_by",
                "",
                "延长期限没有填写批准人。",
                "The extension does not say who approved it.",
            )
        if moment is None and extended is None:
            return None
        return MilestoneRecord(rule.step, moment, outcome, extended, approver)

    def _party(self, item: Body, path: str) -> PartyRecord | None:
        name = self._text(item, "name", path=f"{path}.name")
        phone = self._phone(_written(item, "phone"), f"{path}.phone")
        id_last4 = self._id_last4(_written(item, "id_last4"), f"{path}.id_last4")
        role = self._word(ROLES, item, "role", f"{path}.role")
        if not (name or phone or id_last4):
            return None
        return PartyRecord(role, name, phone, id_last4)

    def _phone(self, written: str, path: str) -> str:
        phone = re.sub(r"[\s\-()]|^(?:\+|00)86(?=\d{11})", "", plain(written))
        if not phone or _MOBILE.fullmatch(phone) or _LANDLINE.fullmatch(phone):
            return phone
        self._warn(
            path,
            written,
            f"电话“{written}”位数或格式不对，已略去，案件照常收下。",
            f"The phone “{written}” has the wrong length or form; it was left out and the case "
            "taken in.",
        )
        return ""

    def _id_last4(self, written: str, path: str) -> str:
        last4 = plain(written).upper()
        if not last4 or re.fullmatch(r"[0-9]{3}[0-9X]", last4):
            return last4
        self._warn(
            path,
            written,
            f"证件后四位“{written}”格式不对，已略去。",
            f"“{written}” is not the last four characters of an identity number; left out.",
        )
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
            self._refuse(f"{path}.name", "", "涉案财物没有名称。", "A seized thing has no name.")
        return record

    def _word(
        self, words: Words, body: Body, field: str, path: str = "", *, may_be_blank: bool = False
    ) -> str:
        written = _written(body, field)
        if may_be_blank and not written.strip():
            return ""
        code = words.code_for(written)
        if code is None:
            listed = words.listed()
            self._refuse(
                path or field,
                written,
                f"“{written}”不在可用词之内：{listed.zh}。",
                f"“{written}” is not one of: {listed.en}.",
            )
        return code or ""

    def _refuse(self, path: str, written: str, zh: str, en: str) -> None:
        self.refusals.append(Refused(path, written, zh, en))

    def _warn(self, path: str, written: str, zh: str, en: str) -> None:
        self.warnings.append(Refused(path, written, zh, en))


def _written(body: Body, field: str) -> str:
    value = body.get(field)
    return "" if value is None else str(value)


def _number(body: Body) -> str:
    number = _written(body, "number").strip().translate(_NARROW)
    if not number:
        raise Refused(
            "number", "", "没有案件编号，请补上编号。", "There is no case number; add it."
        )
    if not _NUMBER.fullmatch(number):
        raise Refused(
            "number",
            number,
            "案件编号只能由 1–64 个字母、数字、汉字和 -_()（）〔〕[] 组成。",
            "A case number is 1–64 letters, digits, Chinese characters and -_()（）〔〕[].",
        )
    return number


def _rule_of(kind: Kind, step: str, path: str) -> Milestone:
    rule = kind.milestone(step) if kind.has_step(step) else None
    if rule is None or rule.follows is None:
        raise Refused(
            path,
            step,
            f"{kind.name.zh}案件没有节点“{step}”。",
            f"{kind.name.en} cases have no milestone “{step}” to record.",
        )
    return rule


def _outcome(kind: Kind, rule: Milestone, written: str, moment: Moment | None, path: str) -> str:
    if not written.strip():
        if moment and len({outcome.ends for outcome in rule.outcomes}) > 1:
            raise Refused(
                path,
                "",
                f"有{rule.name.zh}时间但没有结果，请填写结果。",
                f"“{rule.name.en}” has a date but no outcome; add the outcome.",
            )
        return ""
    outcome = kind.outcome_named(rule.step, written)
    if outcome is None:
        allowed = "、".join(known.name.zh for known in rule.outcomes)
        raise Refused(
            path,
            written,
            f"{rule.name.zh}的结果“{written}”未配置，可用：{allowed}。",
            f"“{written}” is not a configured outcome of “{rule.name.en}”; use one of: "
            + ", ".join(known.name.en for known in rule.outcomes)
            + ".",
        )
    if moment is None:
        raise Refused(
            path,
            written,
            f"有{rule.name.zh}结果但没有时间，请补上时间。",
            f"“{rule.name.en}” has an outcome but no date; add the date.",
        )
    return outcome.code


def _extended(rule: Milestone, written: str, path: str) -> int | None:
    if not written.strip():
        return None
    match = re.fullmatch(r"(\d{1,3})(?:日|天|days?)?", plain(written).replace(" ", ""))
    allowed = rule.clock.extensions if rule.clock else ()
    if match is None or int(match[1]) not in allowed:
        choices = "、".join(f"{days}日" for days in allowed)
        raise Refused(
            path,
            written,
            f"{rule.name.zh}的期限不能延长为“{written}”"
            + (f"，只能延长至 {choices}。" if choices else "。"),
            f"The clock of “{rule.name.en}” cannot be extended to “{written}”; allowed totals "
            f"in days: {', '.join(map(str, allowed)) or 'none'}.",
        )
    return int(match[1])


def _quantity(written: str, path: str) -> str:
    try:
        number = Decimal(plain(written).replace(",", ""))
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number <= 0:
        raise Refused(
            path,
            written,
            f"数量“{written}”不是正数。",
            f"The quantity “{written}” is not a positive number.",
        )
    return f"{number.normalize():f}"
