"""Sample receipts, and the tools that read paper back."""

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from receipts.sheet import Receipt

TOKEN = "Ab3_x9Qz.kJ8s-2mNpQ4rT7vW9yZ1bC"

TYPICAL = Receipt(
    title=("接受案件回执", "Receipt for a reported case"),
    bureau="蓉江市公安局",
    number="A510104010220261000002",
    kind=("刑事案件", "Criminal case"),
    case_name="毛某涛被诈骗案",
    party_name="毛*涛",
    unit_name="牛市口派出所",
    unit_address="城东区牛市口路7号",
    unit_phone="028-55550102",
    officer="彭思远 警号085632",
    happened=(
        ("接报案", "Reported", "2026-10-11 22:24 110报警"),
        ("受案", "Taken in", "2026-10-11 23:36"),
    ),
    next_step=("2026年10月14日前决定是否立案", "Decision whether to open a case by 14 October"),
    materials=(("身份证复印件", True), ("转账记录", False), ("聊天记录截图", False)),
    statement=("您报称的案件已受理。", "Your report has been taken in."),
    query=("查询：扫码或到办案单位窗口。", "Ask: scan, or come to the unit's counter."),
    complain=("投诉：12389。", "Complaints: 12389."),
    url=f"https://chaxun.rongjiang.example/r/{TOKEN}",
    site="chaxun.rongjiang.example",
    code="7K3M-92QX-H",
    match="K7R3",
    issue_number=1,
    printed_on="2026-10-11 23:40",
)

# The least a withheld case says.
SHORT = replace(
    TYPICAL,
    case_name="",
    party_name="",
    unit_address="",
    officer="",
    happened=(),
    materials=(),
    query=("", ""),
    site="lu.example",
    url=f"https://lu.example/r/{TOKEN}",
)

# Everything at once, each as long as anybody ever wrote it.
LONG = replace(
    TYPICAL,
    title=("接受控告举报及扭送犯罪嫌疑人情况登记回执", "Receipt for a charge, report or delivery"),
    bureau="蓉江市经济技术开发区和高新技术产业园区联合公安分局",
    number="蓉江公（东）受案字〔2026〕" + "1234567890" * 4 + "号（补）-A",
    case_name="阿卜杜热依木·买买提明某某等四十人被以投资养老公寓为名集资诈骗案（并案侦查之二）",
    party_name="阿卜杜热依木·买买提明·吐尔逊江（法定代理人：古丽娜孜·阿卜杜克里木）",
    unit_name="蓉江市公安局城东区分局牛市口派出所社区警务和经济犯罪侦查联合工作队",
    unit_address="城东区牛市口街道牛市口路北段一环路东五段交叉口西南角第十七号院三栋二单元" * 2,
    officer="欧阳彭思远某 警号085632；协办：司马相如某 警号085633",
    happened=tuple(
        ("移送管辖", "Transferred", f"2026-10-{day} 09:00 由城西分局苏坡桥派出所移送至本单位")
        for day in range(12, 18)
    ),
    next_step=(
        "2026年11月10日前决定是否立案（经批准延长至30日，自10月12日起算）" * 2,
        "By then " * 24,
    ),
    materials=tuple((f"第{n}项：加盖业务章的对公账户交易明细", n % 3 == 0) for n in range(1, 13)),
    statement=(TYPICAL.statement[0] * 8, TYPICAL.statement[1] * 6),
    query=(TYPICAL.query[0] * 4, TYPICAL.query[1] * 4),
    site="anjian-jindu-chaxun.gonganju.rongjiang.example",
    url=f"https://anjian-jindu-chaxun.gonganju.rongjiang.example/r/{TOKEN}",
    match="M6W9",
    issue_number=3,
)

# No place to break a line, and ever more text than a page has room for.
UNBROKEN = replace(LONG, case_name="W" * 80, unit_name="U" * 70, party_name="案" * 900)


def run(
    tool: str, *arguments: str | Path, given: bytes = b"", answers: Sequence[int] = (0,)
) -> str:
    """What a tool of the system prints; skips the test where it is not installed."""
    found = shutil.which(tool)
    if not found:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([found, *map(str, arguments)], input=given, capture_output=True)
    assert done.returncode in answers, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return done.stdout.decode()


def text_of(pdf: bytes) -> str:
    """The words of a PDF without any space, a zero-width one included; a form feed ends a page."""
    words = run("pdftotext", "-", "-", given=pdf)
    return "".join(c for c in words if c == "\f" or not (c.isspace() or c == "\u200b"))


def image_of(png: bytes) -> Image.Image:
    """A PNG as an image in shades of grey."""
    return Image.open(io.BytesIO(png)).convert("L")
