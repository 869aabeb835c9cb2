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
LONGEST = 600.0

#: The scripts time with `perf_counter`, on one thread: here with that thread's own clock.
ON_CPU_CLOCK = """import runpy, sys, time
time.perf_counter = time.thread_time
sys.path.insert(0, sys.argv[1])
del sys.argv[0]
sys.argv[0] = sys.argv[0] + "/" + sys.argv.pop(1)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def script(name: str) -> Path | None:
    """The script of a network, where there is one."""
    path = Path(os.environ.get("PPC_PROTOTYPES", "")) / "he_lowering" / SCRIPTS.get(name, ("", ()))[0]
    return path if "PPC_PROTOTYPES" in os.environ and path.is_file() else None


def measure(name: str, path: Path) -> float | None:
    """CPU seconds that the server of the experiment's best variant takes for its quickest sample; None where the
    script gave none."""
    command = [sys.executable, "-B", "-c", ON_CPU_CLOCK, str(path.parent), path.name, *SCRIPTS[name][1]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, cwd=path.parent)
    except subprocess.TimeoutExpired:
        return None
    label = name.partition("_")[0]
    found = re.findall(rf"^\[{label}\b.*?server ms best ([\d.]+)", done.stdout, re.M | re.S)
    return min(map(float, found)) / 1000 if found else None
