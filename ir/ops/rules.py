"""Shape rules that several families share. Arithmetic on shapes only: no kernel is run."""

from collections.abc import Sequence

from ppc.ir.ops.declare import OpError, Result, Rule, Types
from ppc.ir.types import TensorType

Dims = tuple[int, ...]


def text(dims: Sequence[int]) -> str:
    """Dims for people: 1x3x8, or scalar."""
    return "x".join(map(str, dims)) or "scalar"


def broadcast(*shapes: Dims) -> Dims:
    """The common shape, aligned from the right (ONNX multidirectional = numpy). Raises OpError."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(s)) + s for s in shapes]
    out = []
    for column in zip(*padded, strict=True):
        extents = set(column) - {1}
        if len(extents) > 1:
            raise OpError(f"shapes {', '.join(map(text, shapes))} do not broadcast: {' and '.join(map(str, column))}")
        out.append(extents.pop() if extents else 1)
    return tuple(out)


def axis_of(axis: int, rank: int) -> int:
    """The axis counted from 0. Raises OpError where it is out of range."""
    if not -rank <= axis < rank:
        raise OpError(f"axis {axis} is outside a tensor of rank {rank}")
    return axis % rank


def axes_of(axes: Sequence[int] | None, rank: int) -> list[int]:
    """Axes counted from 0; all where none are given."""
    over = [axis_of(a, rank) for a in axes] if axes else list(range(rank))
    if len(set(over)) < len(over):
        raise OpError(f"axes {axes} of a tensor of rank {rank} repeat")
    return over


def at_least_all(what: str, low: int, values: Sequence[int] | None) -> None:
    """Raise OpError where one of the numbers is below `low`."""
    if values and min(values) < low:
        raise OpError(f"{what} {text(values)}: each must be at least {low}")


def at_least(x: TensorType, rank: int, what: str) -> None:
    if len(x.shape) < rank:
        raise OpError(f"{what} has rank {len(x.shape)} ({text(x.shape)}); it needs at least {rank}")


def of_dtypes(allowed: str, rule: Rule) -> Rule:
    """`rule`, for a first operand of one of these element types."""

    def checked(types: Types, **attrs: object) -> Result:
        if types[0].dtype not in allowed.split():
            raise OpError(f"element type {types[0].dtype} is not one of {allowed}")
        return rule(types, **attrs)

    return checked


FLOATS = "f16 f32 f64"
INTEGERS = "i8 i16 i32 i64 u8 u16 u32 u64"
NUMBERS = f"{FLOATS} {INTEGERS}"


def same(types: Types, **attrs: object) -> Result:
    """The result has the type of the first operand."""
    return (types[0],)


def elementwise(dtype: str | None = None) -> Rule:
    """Operands of one element type broadcast together; the result has it too, or `dtype`."""

    def rule(types: Types, **attrs: object) -> Result:
        if len({t.dtype for t in types}) > 1:
            raise OpError(f"operands differ in element type: {', '.join(map(str, types))}")
        return (TensorType(dtype or types[0].dtype, broadcast(*(t.shape for t in types))),)

    return rule


def with_axis(types: Types, *, axis: int, **attrs: object) -> Result:
    """The first operand's type; `axis` must exist in it."""
    axis_of(axis, len(types[0].shape))
    return (types[0],)


def reduced(types: Types, *, axes: Dims | None, keepdims: int, noop_with_empty_axes: int) -> Result:
    (x,) = types
    over = [] if not axes and noop_with_empty_axes else axes_of(axes, len(x.shape))
    return (TensorType(x.dtype, without(x.shape, over, keepdims)),)


def without(dims: Dims, over: Sequence[int], keepdims: int) -> Dims:
    """Dims after a reduction over these axes."""
    return tuple(1 if i in over else d for i, d in enumerate(dims) if keepdims or i not in over)


def one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise OpError(f"{what} {value!r} is not one of {', '.join(allowed)}")
