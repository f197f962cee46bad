"""Everything that is needed to run Stoa on one machine. None of it is in the layer or in a function's package."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# `python -m dev.run` finds the layer's package as the functions do on Lambda: on the path, not installed.
if str(ROOT / "layers" / "common") not in sys.path:
    sys.path.insert(1, str(ROOT / "layers" / "common"))
