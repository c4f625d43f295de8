"""One sheet drawn in a process of its own: ``python -m receipts.apart TEMPLATE PAPER FORMAT DPI``.

It reads the sheet as JSON and writes the file. A typesetter once loaded keeps tens of
megabytes: a web worker that draws a paper now and then stays small by letting another process
hold them for the quarter of a second it takes.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from receipts.bulletin import Bulletin
from receipts.sheet import CounterSign, Format, Paper, Receipt, Sheet, SignSize, typeset

_LONGEST_SECONDS = 20


def render_apart(sheet: Sheet, paper: Paper | SignSize, format: Format, dpi: int) -> bytes:
    """The same file as `typeset`. Raises subprocess.SubprocessError where drawing fails."""
    # Everything on the command line is our own.
    drawn = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "receipts.apart", sheet.template, paper, format, str(dpi)],
        input=json.dumps(asdict(sheet)).encode(),
        capture_output=True,
        check=True,
        timeout=_LONGEST_SECONDS,
        cwd=Path(__file__).parent.parent,
    )
    return drawn.stdout


if __name__ == "__main__":
    _, template, paper, format, dpi = sys.argv
    kinds = {kind.template: kind for kind in (Receipt, CounterSign, Bulletin)}
    sheet = kinds[template](**json.load(sys.stdin))
    sys.stdout.buffer.write(typeset([sheet], paper, format, int(dpi)))  # type: ignore[arg-type]
