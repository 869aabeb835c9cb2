"""The node tests of the onnx wheel: `python -m benchmarks.onnx_tests [--through clear|mpc|he] [--only PART]`.

Prints passed / refused with a code / failed, and every failure; exit code 1 where there is one. Through `clear`, a test
passes at the tolerances that it declares, once results are rounded to the element type that it states; through `mpc`
and `he` (simulate mode, every node there) within the domain's rounding and the error that the plan states. Where an
input decides a shape (an axis, a size), it is fixed as `--fix` does, and the count says so.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from benchmarks.onnx_simulate import simulate
from ppc.compiler.frontend.element_types import NUMPY_OF
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError, fail
from ppc.ir.interpret import interpret
from ppc.passes.fold import Fold
from ppc.runtime.errors import PartyError

#: Parts of the names of tests that expect what onnxruntime does not give: there onnxruntime is asked what is right.
#: An extent of 2.4 counts as 2.4 in these; the text of the standard and onnxruntime round it down first.
BY_ONNXRUNTIME = ("downsample_scales_linear_align_corners", "downsample_scales_cubic_align_corners")

#: A shape or a branch that an input decides.
STATIC = {"PPC1012", "PPC1014", "PPC1018"}

#: What fixed point with 16 fractional bits, and CKKS at its scales, may be off by, relative to the largest value.
ROUNDING = 2.0**-10

#: What later operators may make of the errors of earlier ones, beside multiplying by as much as the largest value.
GAIN = 2.0

Arrays = dict[str, Any]


def judge(test: Any, through: str) -> tuple[str, str]:
    """(passed, refused or failed; the code or the error, or that inputs were fixed)."""
    refusal = ""
    for fixed in choices(len(test.model.graph.input)):
        try:
            for inputs, outputs in test.data_sets:
                check(test, inputs, fixed, outputs, through)
        except UserError as e:
            refusal = refusal or e.diagnostics[0].code
            if e.diagnostics[0].code not in STATIC:
                break
        except PartyError as e:  # the test's values are outside what a function holds for, and the run says so
            return ("refused", e.code) if e.code == "PPC6016" else ("failed", str(e))
        except Exception as e:
            return "failed", f"{type(e).__name__}: {' '.join(str(e).split())[:160]}"
        else:
            return "passed", "with fixed inputs" if fixed else ""
    return "refused", refusal


def choices(count: int) -> Iterator[set[int]]:
    """Which inputs are fixed: none, then all but the first, then all."""
    yield set()
    if count > 1:
        yield set(range(1, count))
    yield set(range(count))


def check(test: Any, inputs: list[Any], fixed: set[int], outputs: list[Any], through: str) -> None:
    """One data set. Raises UserError, or AssertionError where a result differs."""
    names = [i.name for i in test.model.graph.input]
    constants = {n: _array(v) for i, (n, v) in enumerate(zip(names, inputs, strict=False)) if i in fixed}
    module = Fold()(import_model(test.model, fixed=constants))
    given = {n: _array(v) for n, v in zip(names, inputs, strict=False)}
    feeds = {}
    for name, value in zip(module.attrs["input_names"], module.inputs, strict=True):  # type: ignore[arg-type]
        type = module.values[value].type
        if given[str(name)].shape != type.shape:  # an extent of 0 in a model stands for one that it does not know
            raise fail("PPC1016", "the test has another extent than the model", value=str(name))
        feeds[str(name)] = given[str(name)].astype(NUMPY_OF.get(type.dtype, np.str_))
    if through == "clear":
        values = dict(zip(module.inputs, feeds.values(), strict=True))
        results, slack = interpret(module, values), 0.0
        got = [results[name] for name in module.outputs]
    else:
        got, slack = simulate(test.model, feeds, constants, through)
    if any(part in test.name for part in BY_ONNXRUNTIME):
        session = onnxruntime.InferenceSession(test.model.SerializeToString(), providers=["CPUExecutionProvider"])
        outputs = session.run(None, given)
    for ours, want in zip(got, map(_array, outputs), strict=False):
        largest = _range(want)
        own = 4 * float(np.finfo(want.dtype).eps) * largest if want.dtype.kind == "f" else 0.0  # rounding of its own
        theirs = ROUNDING * max(1.0, largest) + GAIN * slack * max(1.0, largest)
        compare(ours, want, test.rtol, max(test.atol, own) if through == "clear" else theirs)


def compare(got: Any, want: Any, rtol: float, atol: float) -> None:
    """As the standard's own runner does: in the element type of the expected result."""
    assert got.shape == want.shape, f"shape {got.shape}, not {want.shape}"
    if want.dtype.kind == "U":
        np.testing.assert_array_equal(got, want)
        return
    if want.dtype.name == "bfloat16":
        rtol = max(rtol, 2**-6)  # two units in its last place
    with np.errstate(all="ignore"):
        a = np.asarray(got).astype(want.dtype)
    np.testing.assert_allclose(a.astype(np.float64), want.astype(np.float64), rtol=rtol, atol=atol)


def _range(want: Any) -> float:
    finite = want[np.isfinite(want)] if want.dtype.kind == "f" else want
    return float(np.abs(finite.astype(np.float64)).max(initial=0.0)) if want.dtype.kind in "fiu" else 0.0


def _array(value: Any) -> Any:
    array = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
    return array.astype(np.str_) if array.dtype.kind == "O" else array


def main() -> int:
    """Run all; 1 where a failure is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--through", choices=("clear", "mpc", "he"), default="clear")
    parser.add_argument("--only", default="", help="tests whose name contains this")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for test in collect_testcases(None):
        if test.model is None or asked.only not in test.name:
            continue
        outcome, why = judge(test, asked.through)
        counts[outcome] += 1
        if outcome == "failed":
            print(f"failed {test.name}: {why}", flush=True)
        elif why:
            counts[f"{outcome} {why}"] += 1
    print(", ".join(f"{n} {what}" for what, n in counts.most_common()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
