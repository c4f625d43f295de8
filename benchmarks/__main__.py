"""All measurements, one after the other: `python -m benchmarks [serving|paper|importing …]`."""

import sys
import tempfile
from pathlib import Path

from benchmarks.importing import importing
from benchmarks.paper import paper
from benchmarks.serving import serving

PARTS = {part.__name__: part for part in (serving, paper, importing)}

with tempfile.TemporaryDirectory() as folder:
    for name in sys.argv[1:] or PARTS:
        PARTS[name](Path(folder))
