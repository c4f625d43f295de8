"""The coded words of the domain, each with both languages and the words registers use."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lookup.language import Text, plain


@dataclass(frozen=True)
class Word:
    """A code, how it is said, and what else registers write for it."""

    code: str
    text: Text
    written: tuple[str, ...] = ()


class Words(Mapping[str, Text]):
    """The allowed codes of one field: code → text; ``forms`` are all that may be written."""

    def __init__(self, *words: Word) -> None:
        self._texts = {word.code: word.text for word in words}
        self.forms = {
            form: word.code
            for word in words
            for form in (word.code, word.text.zh, word.text.en, *word.written)
        }
        self._codes = {form.casefold(): code for form, code in self.forms.items()}

    def __getitem__(self, code: str) -> Text:
        return self._texts[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def code_for(self, written: str) -> str | None:
        """The code behind a written word, None where it is not known."""
        return self._codes.get(plain(written).casefold())

    def listed(self) -> Text:
        """The words that may be written, for an error sentence."""
        return Text(
            "、".join(text.zh for text in self._texts.values()),
            ", ".join(text.en for text in self._texts.values()),
        )


ROLES = Words(
    Word("complainant", Text("报案人", "Complainant"), ("控告人", "举报人", "reporter")),
    Word("victim", Text("被害人", "Victim"), ("被侵害人", "受害人")),
    Word("guardian", Text("监护人", "Guardian"), ("法定代理人",)),
)

CHANNELS = Words(
    Word("110", Text("110", "110 call")),
    Word("counter", Text("窗口", "Counter")),
    Word("online", Text("网上", "Online")),
    Word("phone", Text("电话", "Phone")),
)

MEASURES = Words(
    Word("seized", Text("扣押", "Seized")),
    Word("sealed", Text("查封", "Sealed")),
    Word("frozen", Text("冻结", "Frozen")),
)

PROPERTY_STATES = Words(
    Word("kept", Text("保管中", "In custody"), ("在库", "保管")),
    Word("returned", Text("已发还", "Returned"), ("发还", "已返还", "返还")),
    Word("transferred", Text("已移送", "Transferred"), ("移送", "随案移送")),
    Word("forfeited", Text("已没收", "Forfeited"), ("没收", "上缴国库", "已上缴")),
    Word("destroyed", Text("已销毁", "Destroyed"), ("销毁",)),
)

WITHHELD_REASONS = Words(
    Word(
        "secret",
        Text("涉密", "State or police-work secret"),
        ("国家秘密", "涉及国家秘密", "工作秘密", "警务工作秘密", "涉及国家秘密或警务工作秘密"),
    ),
    Word("privacy", Text("个人隐私", "Privacy"), ("隐私", "涉及个人隐私")),
    Word("minor", Text("未成年人", "Minor involved"), ("涉未成年人", "涉及未成年人")),
    Word("sexual_offence", Text("性侵案件", "Sexual offence"), ("性侵", "性侵害", "性犯罪")),
    Word("victim_wish", Text("被害人要求", "Wish of the victim"), ("被害人意愿", "当事人要求")),
    Word(
        "endangers_case",
        Text("可能影响办案", "Would endanger the case"),
        ("影响办案", "影响侦查", "妨碍侦查", "有碍侦查", "可能妨碍办案"),
    ),
)

DISCLOSED = Words(
    Word("yes", Text("是", "Disclosed"), ("公开", "y", "true", "1")),
    Word("no", Text("否", "Withheld"), ("不公开", "n", "false", "0", "不予公开")),
)
