"""The node tests of the onnx wheel through import, fold and the clear interpreter: `python -m benchmarks.onnx_tests`.

Prints passed / refused with a code / failed, and every failure. Exit code 1 where one failed that is not in KNOWN.
"""

import sys
import warnings
from collections import Counter
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from ppc.compiler.frontend.element_types import NUMPY_OF
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError
from ppc.ir.interpret import interpret
from ppc.passes.fold import Fold

#: Part of a test's name -> why it may fail.
KNOWN = {
    "training": "training, not inference",
    "downsample_scales_linear_align": "onnxruntime rounds the output extent down first, and so does ppc",
    "downsample_scales_cubic_align": "onnxruntime rounds the output extent down first, and so does ppc",
    "last_window_starts_on_pad": "its expected values have four digits",
    "bf16": "ppc computes in float64; the expected values are rounded to bfloat16 on the way",
    "dynamicquantizelinear": "a tie that rounding to float32 decides",
}


def judge(test: Any) -> tuple[str, str]:
    """(passed, refused or failed; the code or the error)."""
    try:
        module = Fold()(import_model(test.model))
        for inputs, outputs in test.data_sets:
            given = {n.name: _array(v) for n, v in zip(test.model.graph.input, inputs, strict=False)}
            feeds = {
                v: given[str(n)].astype(NUMPY_OF.get(module.values[v].type.dtype, np.str_))
                for n, v in zip(module.attrs["input_names"], module.inputs, strict=True)  # type: ignore[arg-type]
            }
            got = interpret(module, feeds)
            for name, want in zip(module.outputs, map(_array, outputs), strict=False):
                if want.dtype.kind == "U":
                    np.testing.assert_array_equal(got[name], want)
                else:
                    a, b = np.asarray(got[name], np.float64), want.astype(np.float64)
                    np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-5)
    except UserError as e:
        return "refused", e.diagnostics[0].code
    except Exception as e:
        return "failed", f"{type(e).__name__}: {' '.join(str(e).split())[:160]}"
    return "passed", ""


def _array(value: Any) -> Any:
    array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    return array.astype(np.str_) if array.dtype.kind == "O" else array


def main() -> int:
    """Run all; 1 where an unknown failure is left."""
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    bad = 0
    for test in collect_testcases(None):
        if test.model is None:
            continue
        outcome, why = judge(test)
        counts[f"{outcome} {why}" if outcome == "refused" else outcome] += 1
        if outcome == "failed":
            reason = next((r for part, r in KNOWN.items() if part in test.name), "")
            bad += not reason
            print(f"failed {test.name}: {reason or why}")
    print(", ".join(f"{n} {what}" for what, n in counts.most_common()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
