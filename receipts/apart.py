"""One receipt drawn in a process of its own: ``python -m receipts.apart PAPER``, JSON to PDF.

A typesetter once loaded keeps tens of megabytes. A web worker that draws a paper now and then
stays small by letting another process hold them for the quarter of a second it takes.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from receipts.sheet import Paper, Receipt, render_pdf

_LONGEST_SECONDS = 20


def render_pdf_apart(receipt: Receipt, paper: Paper) -> bytes:
    """The same PDF as `render_pdf`. Raises subprocess.SubprocessError where drawing fails."""
    # Everything on the command line is our own.
    drawn = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "receipts.apart", paper],
        input=json.dumps(asdict(receipt)).encode(),
        capture_output=True,
        check=True,
        timeout=_LONGEST_SECONDS,
        cwd=Path(__file__).parent.parent,
    )
    return drawn.stdout


if __name__ == "__main__":
    told = json.load(sys.stdin)
    sys.stdout.buffer.write(render_pdf(Receipt(**told), sys.argv[1]))  # type: ignore[arg-type]
