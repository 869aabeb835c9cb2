"""Shapes of the graph's inputs: the first symbolic dimension is the batch, the others are given, or as in the data."""

from collections.abc import Mapping, Sequence

from onnx import TypeProto, ValueInfoProto

from ppc.compiler.frontend.element_types import dtype_of
from ppc.compiler.frontend.limits import MAX_ELEMENTS
from ppc.ir.diagnostic import Diagnostic, UserError, fail
from ppc.ir.types import TensorType


def bind_inputs(
    inputs: Sequence[ValueInfoProto], batch: int, dims: Mapping[str, int], samples: Mapping[str, tuple[int, ...]]
) -> dict[str, TensorType]:
    """Static type of each input.

    `dims` binds by the dimension's name, or by "INPUT:AXIS" for one without a name; it goes before `batch`. What it
    leaves open, the shapes of stored samples bind: those of a name, samples on the first axis.
    Raises UserError: PPC1015 (all unbound dimensions in one report), PPC1016, PPC1017, PPC1003.
    """
    if batch < 1:
        raise fail("PPC1016", f"the batch is {batch}; it must be at least 1")
    batch_names = {_symbol(i, 0) for i in inputs if _rank(i) and not _fixed(i, 0)}
    used: set[str] = set()
    unbound: list[Diagnostic] = []
    types: dict[str, TensorType] = {}
    for info in inputs:
        dtype = dtype_of(_tensor(info).elem_type, value=info.name)
        shape: list[int] = []
        for axis in range(_rank(info)):
            symbol, size = _symbol(info, axis), _fixed(info, axis)
            key = next((k for k in (f"{info.name}:{axis}", symbol) if k in dims), None)
            if size:
                if key and dims[key] != size:
                    raise fail("PPC1016", f"axis {axis} is {size} in the model, and --dim says {dims[key]}",
                               value=info.name)  # fmt: skip
                shape.append(size)
            elif key:
                used.add(key)
                shape.append(dims[key])
            elif axis == 0 or (symbol and symbol in batch_names):
                shape.append(batch)
            elif extent := _extent(samples.get(info.name, ()), axis, _rank(info)):
                shape.append(extent)
            else:
                unbound.append(_unbound(info.name, axis, symbol))
        if any(s < 1 for s in shape):
            raise fail("PPC1016", f"--dim gives the shape {tuple(shape)}; every size must be at least 1",
                       value=info.name)  # fmt: skip
        types[info.name] = TensorType(dtype, tuple(shape))
        if types[info.name].size > MAX_ELEMENTS:
            raise fail("PPC1003", f"the input has {types[info.name].size} elements; the limit is {MAX_ELEMENTS}",
                       value=info.name)  # fmt: skip
    if unbound:
        raise UserError(*unbound)
    _check_given(inputs, batch, dims, used)
    return types


def _extent(stored: tuple[int, ...], axis: int, rank: int) -> int:
    """What stored samples say of an axis, 0 for nothing: (S, *rest), or each with a first axis of its own."""
    behind = len(stored) - rank
    return stored[axis + behind] if behind in (0, 1) else 0


def _tensor(info: ValueInfoProto) -> TypeProto.Tensor:
    if not info.type.HasField("tensor_type"):
        raise fail("PPC1017", "the input is no tensor (a sequence, map or optional)", value=info.name)
    if not info.type.tensor_type.HasField("shape"):
        raise fail("PPC1014", "the input has no shape, not even a rank", value=info.name,
                   help="export the model with the rank of each input")  # fmt: skip
    return info.type.tensor_type


def _rank(info: ValueInfoProto) -> int:
    return len(_tensor(info).shape.dim)


def _fixed(info: ValueInfoProto, axis: int) -> int:
    """The size that the model states, 0 for none (some exporters write 0 or -1 for a symbolic dimension)."""
    return max(int(_tensor(info).shape.dim[axis].dim_value), 0)


def _symbol(info: ValueInfoProto, axis: int) -> str:
    return str(_tensor(info).shape.dim[axis].dim_param)


def _unbound(name: str, axis: int, symbol: str) -> Diagnostic:
    called = f"axis {axis} ({symbol!r})" if symbol else f"axis {axis} (without a name)"
    key = symbol or f"{name}:{axis}"
    return Diagnostic(
        "PPC1015",
        f"{called} of the input has no size",
        value=name,
        help=f"give it: --dim {key}=VALUE, or --calibrate with data that has it",
    )


def _check_given(inputs: Sequence[ValueInfoProto], batch: int, dims: Mapping[str, int], used: set[str]) -> None:
    shapes = {i.name: [_fixed(i, a) or _symbol(i, a) or "?" for a in range(_rank(i))] for i in inputs}
    for key in dims:
        stated = any(key == f"{i.name}:{a}" for i in inputs for a in range(_rank(i)))
        if key not in used and not stated:
            raise fail("PPC1016", f"--dim {key}=...: the model has no dimension of this name",
                       facts={"inputs": shapes})  # fmt: skip
    first = {_fixed(i, 0) if _rank(i) else None for i in inputs}
    if batch > 1 and inputs and all(_rank(i) == 0 or _fixed(i, 0) for i in inputs) and first != {batch}:
        raise fail(
            "PPC1016", f"--batch {batch}: the first dimension of every input is fixed in the model",
            facts={"inputs": shapes}, help="export the model with a symbolic batch (`dynamic_axes` in torch)",
        )  # fmt: skip
