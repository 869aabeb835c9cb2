"""Rows of operators that read or write where an operand points.

With constant indices Gather is a view; the kind is what the general case needs.
"""

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import at_least_all, axis_of, one_of, text
from ppc.ir.types import TensorType

INDEX_DTYPES = ("i32", "i64")
REDUCTIONS = ("none", "add", "mul", "min", "max")


def _integers(t: TensorType) -> None:
    if t.dtype not in INDEX_DTYPES:
        raise OpError(f"indices are {t}, not integers")


def _gather(types: Types, *, axis: int) -> Result:
    x, indices = types
    _integers(indices)
    at = axis_of(axis, len(x.shape))
    return (TensorType(x.dtype, x.shape[:at] + indices.shape + x.shape[at + 1 :]),)


def _gather_elements(types: Types, *, axis: int) -> Result:
    x, indices = types
    _integers(indices)
    axis_of(axis, len(x.shape))
    if len(x.shape) != len(indices.shape):
        raise OpError(f"indices {text(indices.shape)} have another rank than {text(x.shape)}")
    return (TensorType(x.dtype, indices.shape),)


def _gather_nd(types: Types, *, batch_dims: int) -> Result:
    x, indices = types
    _integers(indices)
    at_least_all("batch_dims", 0, (batch_dims,))
    depth = batch_dims + (indices.shape[-1] if indices.shape else 0)
    if not indices.shape or depth > len(x.shape) or x.shape[:batch_dims] != indices.shape[:batch_dims]:
        raise OpError(f"indices {text(indices.shape)} do not point into {text(x.shape)} ({batch_dims} batch axes)")
    return (TensorType(x.dtype, indices.shape[:-1] + x.shape[depth:]),)


def _scatter_elements(types: Types, *, axis: int, reduction: str) -> Result:
    x, indices, updates = types
    one_of("reduction", reduction, REDUCTIONS)
    _gather_elements((x, indices), axis=axis)
    if updates.shape != indices.shape:
        raise OpError(f"updates {text(updates.shape)} for indices {text(indices.shape)}")
    return (x,)


def _scatter_nd(types: Types, *, reduction: str) -> Result:
    x, indices, updates = types
    one_of("reduction", reduction, REDUCTIONS)
    (wanted,) = _gather_nd((x, indices), batch_dims=0)
    if updates.shape != wanted.shape:
        raise OpError(f"updates are {text(updates.shape)}; the indices point at {text(wanted.shape)}")
    return (x,)


def _one_hot(types: Types, *, depth: int, values: tuple[float, ...], axis: int) -> Result:
    dims, at = types[0].shape, axis_of(axis, len(types[0].shape) + 1)
    at_least_all("depth", 1, (depth,))
    if len(values) != 2:
        raise OpError(f"OneHot needs the values off and on, not {values}")
    dtype = "i64" if all(isinstance(v, int) for v in values) else "f32"
    return (TensorType(dtype, (*dims[:at], depth, *dims[at:])),)


GATHER = declare("Gather", Kind.INDEX, 2, _gather, "Slices of the axis that the indices name.", attr("axis", int, 0))
GATHERELEMENTS = declare(
    "GatherElements", Kind.INDEX, 2, _gather_elements, "Elements that the indices name on axis.", attr("axis", int, 0)
)
GATHERND = declare("GatherND", Kind.INDEX, 2, _gather_nd, "Slices that index tuples name.", attr("batch_dims", int, 0))
SCATTERELEMENTS = declare(
    "ScatterElements",
    Kind.INDEX,
    3,
    _scatter_elements,
    "A copy with elements replaced (or combined) where the indices name them on axis.",
    attr("axis", int, 0),
    attr("reduction", str, "none"),
)
SCATTERND = declare(
    "ScatterND",
    Kind.INDEX,
    3,
    _scatter_nd,
    "A copy with slices replaced (or combined) where index tuples name them.",
    attr("reduction", str, "none"),
)
ONEHOT = declare(
    "OneHot",
    Kind.INDEX,
    1,
    _one_hot,
    "A new axis with `on` at the index and `off` elsewhere; values = (off, on).",
    need("depth", int),
    attr("values", tuple, (0.0, 1.0)),
    attr("axis", int, -1),
)
