"""Rows of reductions, and of what sorts or accumulates along an axis."""

from ppc.ir.opdef import Kind, OpDef
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import FLOATS, NUMBERS, axis_of, of_dtypes, reduced, with_axis, without
from ppc.ir.types import TensorType


def _reduction(name: str, kind: Kind, doc: str, dtypes: str = NUMBERS) -> OpDef:
    axes = attr("axes", tuple), attr("keepdims", int, 1), attr("noop_with_empty_axes", int, 0)
    return declare(name, kind, 1, of_dtypes(dtypes, reduced), doc, *axes)


def _arg(types: Types, *, axis: int, keepdims: int, select_last_index: int) -> Result:
    (x,) = types
    over = [axis_of(axis, len(x.shape))]
    return (TensorType("i64", without(x.shape, over, keepdims)),)


def _top_k(types: Types, *, k: int, axis: int, largest: int, sorted: int) -> Result:
    (x,) = types
    at = axis_of(axis, len(x.shape))
    if not 0 <= k <= x.shape[at]:
        raise OpError(f"TopK of {k} from {x.shape[at]} elements")
    dims = (*x.shape[:at], k, *x.shape[at + 1 :])
    return (TensorType(x.dtype, dims), TensorType("i64", dims))


REDUCESUM = _reduction("ReduceSum", Kind.LINEAR, "Sum over axes.")
REDUCEMEAN = _reduction("ReduceMean", Kind.LINEAR, "Mean over axes.", FLOATS)
REDUCEMAX = _reduction("ReduceMax", Kind.COMPARISON, "Largest element over axes.", f"{NUMBERS} bool")
REDUCEMIN = _reduction("ReduceMin", Kind.COMPARISON, "Smallest element over axes.", f"{NUMBERS} bool")
REDUCEPROD = _reduction("ReduceProd", Kind.BILINEAR, "Product over axes.")
REDUCEL1 = _reduction("ReduceL1", Kind.COMPARISON, "Sum of absolute values over axes.")
REDUCEL2 = _reduction("ReduceL2", Kind.COMPOUND, "Euclidean norm over axes.", FLOATS)
REDUCELOGSUM = _reduction("ReduceLogSum", Kind.COMPOUND, "Logarithm of the sum over axes.", FLOATS)
REDUCELOGSUMEXP = _reduction("ReduceLogSumExp", Kind.COMPOUND, "Logarithm of the sum of exponentials.", FLOATS)
REDUCESUMSQUARE = _reduction("ReduceSumSquare", Kind.COMPOUND, "Sum of squares over axes.")

_ARG = attr("axis", int, 0), attr("keepdims", int, 1), attr("select_last_index", int, 0)
ARGMAX = declare("ArgMax", Kind.INDEX, 1, of_dtypes(NUMBERS, _arg), "Index of the largest element along axis.", *_ARG)
ARGMIN = declare("ArgMin", Kind.INDEX, 1, of_dtypes(NUMBERS, _arg), "Index of the smallest element along axis.", *_ARG)
TOPK = declare(
    "TopK",
    Kind.INDEX,
    1,
    of_dtypes(NUMBERS, _top_k),
    "The k largest (or smallest) elements along axis, and their indices.",
    need("k", int),
    attr("axis", int, -1),
    attr("largest", int, 1),
    attr("sorted", int, 1),
)
CUMSUM = declare(
    "CumSum",
    Kind.LINEAR,
    1,
    of_dtypes(NUMBERS, with_axis),
    "Running sum along axis.",
    need("axis", int),
    attr("exclusive", int, 0),
    attr("reverse", int, 0),
)
CUMPROD = declare(
    "CumProd",
    Kind.COMPOUND,
    1,
    of_dtypes(NUMBERS, with_axis),
    "Running product along axis.",
    need("axis", int),
    attr("exclusive", int, 0),
    attr("reverse", int, 0),
)
