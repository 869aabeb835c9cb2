"""The tables of cases (kernel_cases/*.py) are plain modules beside the tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
