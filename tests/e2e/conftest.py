"""`three_way` as a module: tests run with importlib, which has no test packages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
