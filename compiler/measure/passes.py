"""What a pass takes besides its steps: a small plan run as any other, in processes of its own on this machine."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ppc.compiler.driver import Request, compile_model
from ppc.compiler.measure.ahead import dealt, run_dealt
from ppc.compiler.measure.stopwatch import Stopwatch, Timing
from ppc.compiler.price_table import PriceTable
from ppc.targets.prices import Prices

#: Inputs, and neurons, of a model of two dense layers: few, so that what messages take shows.
WIDTH = 8
TIMEOUT = 60.0
#: The same plan is a millisecond faster or slower from one start of its processes to the next.
RUNS = 5


def measure(watch: Stopwatch, sections: Mapping[str, Mapping[str, Any]]) -> float:
    """Seconds of a pass beyond what its steps take by these prices."""
    prices = Prices({**Prices.shipped().rows, **sections}, Prices.shipped().facts)
    with tempfile.TemporaryDirectory() as folder:
        made = compile_model(Request(_model(), targets=("mpc", "client"), table=replace(PriceTable(), prices=prices)))
        plan = made.save(Path(folder) / "plan.py")
        steps: float = sum(row["seconds"] for row in made.report["timeline"])

        def attempt() -> Timing:
            passes = 1 + 10 * watch.least
            feed = {"x": np.ones((passes, WIDTH), np.float32)}
            dealt(plan, RUNS * passes, TIMEOUT)
            runs = [run_dealt(plan, feed, TIMEOUT).report["seconds"]["online_passes"] for _ in range(RUNS)]
            return Timing.of([(t, t) for run in runs for t in run["client"][1:]])  # the first warms up

        whole = watch.best_of("link.pass", attempt)
    return max(whole - steps, whole / 10)


def _model() -> bytes:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", WIDTH]) for n in ("x", "y")]
    weights = [numpy_helper.from_array(np.full((WIDTH, WIDTH), 0.1, np.float32), n) for n in ("v", "w")]
    nodes = [("MatMul", ["x", "v"], ["h"]), ("Relu", ["h"], ["r"]), ("MatMul", ["r", "w"], ["y"])]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "pass", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
