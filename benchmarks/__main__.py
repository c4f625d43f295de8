"""All measurements in turn: `python -m benchmarks [serving|paper|importing|finding …]`."""

import sys
import tempfile
from pathlib import Path

from benchmarks.finding import finding
from benchmarks.importing import importing
from benchmarks.outbox import outbox
from benchmarks.paper import paper
from benchmarks.serving import serving

PARTS = {part.__name__: part for part in (serving, paper, importing, finding, outbox)}

with tempfile.TemporaryDirectory() as folder:
    for name in sys.argv[1:] or PARTS:
        PARTS[name](Path(folder))
