"""Receipts against the bare parts they are made of."""

from pathlib import Path

from benchmarks.measure import report, rounds, seconds
from receipts.batch import render
from receipts.code import qr_code
from receipts.sheet import Receipt, render_pdf


def paper(folder: Path) -> None:
    """One receipt with the compiler kept, and a thousand in one file."""
    one = _receipt(0)
    render_pdf(one, "a5")
    contenders = {
        "a bare QR image": lambda: seconds(lambda: qr_code(one.url)),
        "one A5 receipt, compiler kept": lambda: seconds(lambda: render_pdf(one, "a5")),
    }
    report("One receipt", "seconds", rounds(contenders, 15), "a bare QR image")
    many = {
        "1,000 bare QR images": lambda: seconds(
            lambda: [qr_code(_receipt(n).url) for n in range(1000)]
        ),
        "1,000 A5 receipts in one file": lambda: seconds(
            lambda: render(map(_receipt, range(1000)), "a5", folder / "many.pdf", format="pdf")
        ),
    }
    report("A thousand receipts", "seconds", rounds(many, 3), "1,000 bare QR images")


def _receipt(serial: int) -> Receipt:
    return Receipt(
        title=("接受案件回执", "Receipt of report"),
        bureau="蓉江市公安局",
        number=f"A510104010120261100{serial:05d}",
        kind=("刑事", "Criminal"),
        case_name="王某被盗窃案",
        party_name="王芳",
        unit_name="锦江路派出所",
        unit_address="城东区锦江路18号",
        unit_phone="028-55550101",
        officer="李伟（030774）",
        happened=[("接报案", "Report taken in", "2026-11-20 09:05")],
        next_step=("下一步：立案决定，最迟 11月23日", "Next: filing decision, by 23 Nov"),
        materials=[("身份证复印件", False)],
        statement=("本单位已接受您的报案。", "Your report has been taken in."),
        query=("扫描二维码查询进展。", "Scan the code to follow the case."),
        complain=("投诉电话 12389。", "Complaints: 12389."),
        url=f"https://daylight.example.cn/r/{serial:08d}.OvdC0nAB2cU2BSCCuX8tUA",
        site="daylight.example.cn",
        code="F1G7-JW1H-G",
        match="7KRD",
        issue_number=1,
        printed_on="2026-11-20",
    )
