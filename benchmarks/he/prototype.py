"""The experiment that the lowering goes back to, beside the measurement, where $PPC_PROTOTYPES has it."""

import os
import re
import subprocess
import sys
from pathlib import Path

#: Network -> script and its arguments; a script prints "[name ...]" and "server ms best X median(all 16) Y".
SCRIPTS = {
    "w1": ("run_w12.py", ()),
    "w2_sq": ("run_w12.py", ()),
    "w3": ("run_w3.py", ("1", "4")),
    "w4_sq": ("run_w4.py", ("1", "4")),
}
LONGEST = 300.0


def measure(name: str) -> float | None:
    """Median server seconds of the experiment's best variant; None where there is no such script or no result."""
    folder = os.environ.get("PPC_PROTOTYPES")
    script, arguments = SCRIPTS.get(name, ("", ()))
    path = Path(folder or ".") / "he_lowering" / script
    if not folder or not script or not path.exists():
        return None
    command = [sys.executable, "-B", str(path), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, cwd=path.parent)
    except subprocess.TimeoutExpired:
        return None
    label = name.partition("_")[0]
    found = re.findall(rf"^\[{label}\b.*?server ms best .*?median\(all \d+\) ([\d.]+)", done.stdout, re.M | re.S)
    return min(map(float, found)) / 1000 if found else None
