"""All measurements in turn: `python -m benchmarks [serving|paper|importing|finding …]`."""

import sys
import tempfile
from pathlib import Path

from benchmarks.counting import counting
from benchmarks.exporting import exporting
from benchmarks.finding import finding
from benchmarks.importing import importing
from benchmarks.outbox import outbox
from benchmarks.paper import paper
from benchmarks.serving import serving

PARTS = {
    part.__name__: part
    for part in (serving, paper, importing, finding, outbox, exporting, counting)
}

if __name__ == "__main__":  # and not in a process that a part starts
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or PARTS:
            PARTS[name](Path(folder))
