"""Case registers as a case system hands them out at night, invented, with flaws on demand."""

import csv
import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from openpyxl import Workbook

from lookup.beijing import BEIJING

Cells = dict[str, str]

COLUMNS = [
    "案件编号",
    "案件名称",
    "案件类别",
    "受理单位代码",
    "受理单位",
    "主办民警",
    "民警警号",
    "报案人",
    "报案人电话",
    "报案人证件后四位",
    "报案方式",
    "报案时间",
    "受案时间",
    "立案时间",
    "立案结果",
    "延长期限",
    "延长批准人",
    "结案时间",
    "处理结果",
    "涉案财物",
    "是否公开",
    "不公开理由",
    "备注",
]
DATES = ("报案时间", "受案时间", "立案时间", "结案时间")
UNITS = {
    "5101040101": "锦江路派出所",
    "5101040102": "牛市口派出所",
    "5101040201": "青羊宫派出所",
}
# What a row lacks before its decision, and has after its closure.
AWAITED: Mapping[str, str] = {"立案时间": "", "立案结果": ""}
CLOSED: Mapping[str, str] = {"结案时间": "2026-11-18 10:00:00"}
FIRST_DAY = datetime(2026, 11, 20, tzinfo=BEIJING)
SECOND_DAY = datetime(2026, 12, 4, tzinfo=BEIJING)

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明霞平刚桂䶮"
_CRIMES = ("被盗窃案", "被诈骗案", "被抢夺案", "故意毁坏财物案")
_OFFENCES = ("殴打他人案", "偷窥案", "赌博案", "扰乱公共秩序案")
_THINGS = ("手机|1|部", "现金|3200|元", "电动自行车|1|辆", "银行卡|2|张")
_CRIMINAL_ENDS = ("移送审查起诉", "撤销案件", "终止侦查")
_ADMINISTRATIVE_ENDS = ("行政处罚决定", "调解结案", "终止调查")

# What a flaw changes in a row that was good.
FLAWS: Mapping[str, Cells] = {
    "no number": {"案件编号": ""},
    "impossible date": {"报案时间": "2026-13-40 09:00:00"},
    "unknown kind": {"案件类别": "民事"},
    "unknown unit": {"受理单位代码": "9999999999"},
    "closed before filed": {"立案时间": "2026-11-10", "立案结果": "立案", "结案时间": "2026-11-08"},
    "after the register": {"立案时间": "2027-01-01 09:00:00", "立案结果": "立案"},
    "withheld without a reason": {"是否公开": "否", "不公开理由": ""},
    "withheld for an unknown reason": {"是否公开": "否", "不公开理由": "领导要求"},
    "unreadable property": {"涉案财物": "手机一部"},
}
# What looks odd and is right.
ODDITIES: Mapping[str, Cells] = {
    "full-width digits": {"报案时间": "２０２６－１１－０１　０９：００：００"},
    "formula": {"备注": '=HYPERLINK("http://example.com","详情")'},
    "phone one digit short": {"报案人电话": "1990000123"},
    "day without a time": {"受案时间": "2026-11-02"},
    "quoted newline": {"备注": '第一行\n第二行，带“引号”和"双引号"'},
}


def register(count: int, seed: int = 1, first: int = 1) -> list[Cells]:
    """Good rows, numbered from ``first``: taken in between July and early November 2026.

    A third awaits its filing decision, a third is filed, a third closed.
    """
    dice = random.Random(seed)
    return [_row(dice, serial) for serial in range(first, first + count)]


def row(serial: int = 1, **cells: str) -> Cells:
    """One good row that is filed and not closed, with some cells put otherwise."""
    made = _row(random.Random(serial), serial)
    return made | _filing(random.Random(serial), made) | dict(_OPEN) | cells


def moved_on(rows: Iterable[Cells], seed: int = 2) -> list[Cells]:
    """The same cases a fortnight later: each that was open has come one step further."""
    dice = random.Random(seed)
    return [_moved(dice, one) for one in rows]


def flawed(one: Cells, flaw: str) -> Cells:
    """The row with one of ``FLAWS`` or ``ODDITIES``."""
    return one | {**FLAWS, **ODDITIES}[flaw]


def stranger(one: Cells, **cells: str) -> Cells:
    """A row of another matter that bears the number of this one."""
    other = row(99, 报案时间="2026-08-01 08:00:00", 受案时间="2026-08-01 09:00:00", **AWAITED)
    return other | {"案件编号": one["案件编号"], "报案人": "陌生人"} | cells


def fortnight() -> tuple[list[Cells], list[Cells]]:
    """Two registers in the proportions of a real pair.

    The first has 600 rows, 12 of them flawed; the second the same cases, those 12 mended, 41
    filed and 69 closed meanwhile, and 60 new ones.
    """
    good = register(600, seed=20)
    first = [dict(one) for one in good]
    second = [dict(one) for one in good]
    flaws = [*FLAWS, "no number", "impossible date"]
    for place, flaw in zip(range(40, 600, 50), flaws, strict=False):
        first[place] = flawed(good[place], flaw)
    first[590] = good[590] | {"案件编号": good[0]["案件编号"]}
    spoilt = {place for place in range(600) if first[place] != good[place]}
    dice = random.Random(21)
    for column, wanted in (("立案时间", 41), ("结案时间", 69)):
        for place in _undecided(good, column, spoilt)[:wanted]:
            second[place] = _moved(dice, good[place])
    return first, second + register(60, seed=22, first=601)


def _undecided(rows: list[Cells], column: str, without: set[int]) -> list[int]:
    """The rows whose next step is that of the column."""
    before = {"立案时间": "受案时间", "结案时间": "立案时间"}[column]
    return [
        place
        for place, one in enumerate(rows)
        if place not in without
        and one[before]
        and not one[column]
        and one["立案结果"] != "不予立案"
    ]


def write_csv(
    path: Path,
    rows: Iterable[Cells],
    encoding: str = "gb18030",
    delimiter: str = ",",
    columns: Iterable[str] = COLUMNS,
) -> Path:
    """The rows as CSV; ``utf-8-sig`` puts a byte order mark before them."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(columns), delimiter=delimiter, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_xlsx(path: Path, rows: Iterable[Cells], columns: Iterable[str] = COLUMNS) -> Path:
    """The rows as a workbook in which dates are dates, as Excel keeps them."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(list(columns))
    for one in rows:
        sheet.append([_typed(name, one.get(name, "")) for name in columns])
    book.save(path)
    return path


def written(instant: datetime) -> str:
    """An instant as registers write it, in Beijing time."""
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def read(moment: str) -> datetime:
    """The instant behind a register's date-time."""
    return datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)


_OPEN: Mapping[str, str] = {"结案时间": "", "处理结果": ""}


def _row(dice: random.Random, serial: int) -> Cells:
    unit = dice.choice(list(UNITS))
    criminal = dice.random() < 0.4
    reported = FIRST_DAY - timedelta(days=dice.randint(20, 140), seconds=dice.randint(0, 86399))
    taken_in = reported + timedelta(minutes=dice.randint(5, 110))
    surname = dice.choice(_SURNAMES)
    made = dict.fromkeys(COLUMNS, "") | {
        "案件编号": f"{'A' if criminal else 'J'}{unit}{taken_in:%Y%m}{serial:05}",
        "案件名称": f"{surname}某{dice.choice(_CRIMES if criminal else _OFFENCES)}",
        "案件类别": "刑事" if criminal else "行政",
        "受理单位代码": unit,
        "受理单位": UNITS[unit],
        "主办民警": _name(dice),
        "民警警号": f"{dice.randint(10000, 99999):06}",
        "报案人": _name(dice, surname),
        "报案人电话": f"1990000{dice.randint(0, 9999):04}",
        "报案人证件后四位": dice.choice(["", "123X", "4567"]),
        "报案方式": dice.choice(["110", "窗口", "网上", "电话"]),
        "报案时间": written(reported),
        "受案时间": written(taken_in),
        "涉案财物": _things(dice),
        "是否公开": "是",
    }
    if serial % 3:
        made |= _filing(dice, made)
    if serial % 3 == 2:
        made |= _closure(dice, made)
    return made | ({"是否公开": "否", "不公开理由": "个人隐私"} if serial % 50 == 7 else {})


def _name(dice: random.Random, surname: str = "") -> str:
    given = "".join(dice.sample(_GIVEN, dice.randint(1, 2)))
    return (surname or dice.choice(_SURNAMES)) + given


def _things(dice: random.Random) -> str:
    some = dice.sample(_THINGS, dice.choice([0, 0, 0, 1, 2]))
    states = [f"{dice.choice(['扣押', '查封'])}|{dice.choice(['保管中', '已发还'])}" for _ in some]
    return ";".join(f"{thing}|{state}" for thing, state in zip(some, states, strict=True))


def _filing(dice: random.Random, one: Cells) -> Cells:
    at = read(one["受案时间"]) + timedelta(minutes=dice.randint(3, 4000))
    return {"立案时间": written(at), "立案结果": "立案"}


def _closure(dice: random.Random, one: Cells) -> Cells:
    at = read(one["立案时间"]) + timedelta(hours=dice.randint(20, 300))
    ends = _CRIMINAL_ENDS if one["案件类别"] == "刑事" else _ADMINISTRATIVE_ENDS
    return {"结案时间": written(at), "处理结果": dice.choice(ends)}


def _moved(dice: random.Random, one: Cells) -> Cells:
    if one["结案时间"]:
        return dict(one)
    return one | (_closure(dice, one) if one["立案时间"] else _filing(dice, one))


def _typed(column: str, cell: str) -> str | datetime:
    """A date as Excel keeps it: without a zone."""
    try:
        return read(cell).astimezone(BEIJING).replace(tzinfo=None) if column in DATES else cell
    except ValueError:
        return cell
