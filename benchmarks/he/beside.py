"""Times of the server's HE steps beside those of the experiment, in turns, so that both see the same machine."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.he import prototype
from benchmarks.he.here import passes

PASSES = 17  # in a turn, of which the first warms up: the experiment has 16 samples


def measure(plans: dict[str, Path], name: str, sample: np.ndarray[Any, Any], turns: int) -> dict[str, Any]:
    """CPU seconds: the best pass of each plan over so many turns, and of the experiment's samples.

    `plans` by how the weights are owned. The experiment counts neither what comes in nor what leaves, and has no
    secret weights: `he` is what stands beside it, `all` is a whole pass of the server.
    """
    he: dict[str, list[float]] = {kind: [] for kind in plans}
    whole: dict[str, list[float]] = {kind: [] for kind in plans}
    script, theirs = prototype.script(name), list[float]()
    for _ in range(turns):
        for kind, path in plans.items():
            found = passes(path, sample, PASSES)[1:]
            he[kind] += [p.he for p in found]
            whole[kind] += [p.all for p in found]
        if script is not None and (best := prototype.measure(name, script)) is not None:
            theirs.append(best)
    return {
        "he": {kind: min(found) for kind, found in he.items()},
        "all": {kind: min(found) for kind, found in whole.items()},
        "experiment": min(theirs, default=None),
    }
