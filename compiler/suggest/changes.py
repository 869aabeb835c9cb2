"""The changes of a model that are tried: module in, module out. One that finds nothing returns the module it got."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppc.ir.interpret import interpret
from ppc.ir.module import Array, Module, Op
from ppc.ir.ops import opdef
from ppc.ir.ops.declare import OpError
from ppc.passes.approximate import approximable
from ppc.passes.rewrite import Rewriter, rewrite

#: Values of the model as it is on the calibration data, by name; what a change is fitted to.
Samples = Mapping[str, Array]


@dataclass(frozen=True)
class Change:
    """`exact` changes give the same outputs; the others want the model to be trained again, or the loss accepted."""

    name: str
    what: str
    nodes: Callable[[Module], list[str]]  # those that it would change, by name
    apply: Callable[[Module, Samples], Module]
    exact: bool = False


def values_of(module: Module, batches: Sequence[Mapping[str, Array]]) -> Samples:
    """Every value on all batches: (batches, *shape)."""
    runs = [interpret(module, batch, keep="all") for batch in batches]
    return {name: np.stack([run[name] for run in runs]) for name in runs[0]}


def average_pools(module: Module, samples: Samples) -> Module:
    """AveragePool in place of MaxPool: linear, so no comparisons."""
    return replace(module, ops=tuple(_averaged(op) if _is_max(op, module) else op for op in module.ops))


def _is_max(op: Op, module: Module) -> bool:
    of_floats = op.name in ("MaxPool", "GlobalMaxPool") and module.values[op.results[0]].type.dtype[0] == "f"
    return of_floats and len(op.results) == 1


def _averaged(op: Op) -> Op:
    if op.name == "GlobalMaxPool":
        return replace(op, name="GlobalAveragePool")
    attrs = {k: v for k, v in op.attrs.items() if k != "storage_order"}
    return replace(op, name="AveragePool", attrs={**attrs, "count_include_pad": 0})


def gelu(module: Module, samples: Samples) -> Module:
    """Smooth, so that polynomials of lower degree fit it."""
    ops = (replace(op, name="Gelu", attrs={"approximate": "none"}) if op.name == "Relu" else op for op in module.ops)
    return replace(module, ops=tuple(ops))


def squares(module: Module, samples: Samples) -> Module:
    """a·(x + s)² + c in place of each ReLU, fitted by least squares to what it sees on the samples: one level in HE,
    one product in MPC."""

    def rule(op: Op, r: Rewriter) -> None:
        x = samples[op.operands[0]].astype(np.float64).reshape(-1)
        a, b, c = (float(t) for t in np.polynomial.polynomial.polyfit(x, np.maximum(x, 0.0), 2)[::-1])
        if not (np.isfinite([a, b, c]).all() and a > 1e-9):  # a line, or no data to fit: no square is like it
            return
        type = r.type_of(op.results[0])
        shift, factor, plus = (
            r.constant(np.array(value), type.dtype, f"@{op.results[0]}_{name}")
            for name, value in (("shift", b / (2 * a)), ("factor", a), ("plus", c - b * b / (4 * a)))
        )
        moved = r.insert_before(op, "Add", (op.operands[0], shift), type, op.results[0])
        square = r.insert_before(op, "Mul", (moved, moved), type, op.results[0])
        scaled = r.insert_before(op, "Mul", (square, factor), type, op.results[0])
        r.replace(op, "Add", (scaled, plus))

    return rewrite(module, {"Relu": (rule,)})


def merged_transposes(module: Module, samples: Samples) -> Module:
    """Transpose, function of each element, Transpose: the function first, so that folding merges the two."""

    def rule(op: Op, r: Rewriter) -> None:
        inner = r.producer(op.operands[0])
        if inner is None or not approximable(inner) or not r.only_reader(inner.results[0]):
            return
        turn = r.producer(inner.operands[0])
        if turn is None or turn.name != "Transpose" or not r.only_reader(turn.results[0]):
            return
        x, result = turn.operands[0], inner.results[0]
        r.replace(inner, inner.name, (x, *inner.operands[1:]), inner.attrs)
        r.retype(result, replace(r.type_of(x), dtype=r.type_of(result).dtype))
        first, second = _perm(turn), _perm(op)
        r.replace(op, "Transpose", (result,), {"perm": tuple(first[i] for i in second)})
        r.remove(turn)

    return rewrite(module, {"Transpose": (rule,)})


def _perm(op: Op) -> tuple[int, ...]:
    perm = op.attrs["perm"]
    assert isinstance(perm, tuple)
    return tuple(int(str(p)) for p in perm)


def without_padding(module: Module, samples: Samples) -> Module:
    """No zeros around the inputs of convolutions: smaller tensors from there on. The module as it was where a later
    node (a dense layer, a sum with a shortcut) takes no other size."""
    types = {name: value.type for name, value in module.values.items()}
    types |= {name: constant.type for name, constant in module.constants.items()}
    ops = []
    for op in module.ops:
        new = replace(op, attrs={**op.attrs, "pads": (0,) * len(_pads(op))}) if _is_padded(op) else op
        try:
            found = opdef(new.name).shape([types[o] if o else None for o in new.operands], new.attrs)
        except OpError:
            return module
        types.update(zip(new.results, found, strict=False))
        ops.append(new)
    if any(types[name] != module.values[name].type for name in module.outputs):
        return module
    values = {name: replace(value, type=types[name]) for name, value in module.values.items()}
    return replace(module, ops=tuple(ops), values=values)


def _is_padded(op: Op) -> bool:
    return op.name == "Conv" and any(_pads(op))


def _pads(op: Op) -> tuple[object, ...]:
    pads = op.attrs.get("pads", ())
    assert isinstance(pads, tuple)
    return pads


def _named(*operators: str) -> Callable[[Module], list[str]]:
    return lambda module: [op.loc for op in module.ops if op.name in operators]


def _both(first: Change, second: Change) -> Change:
    """The second is fitted to what the first has made of the model."""

    def apply(module: Module, samples: Samples) -> Module:
        changed = first.apply(module, samples)
        rows = range(len(samples[module.inputs[0]]))
        return second.apply(changed, values_of(changed, [{i: samples[i][row] for i in module.inputs} for row in rows]))

    return Change(
        f"{first.name}+{second.name}",
        f"{first.what}; {second.what}",
        lambda module: (
            first.nodes(module) + second.nodes(module) if first.nodes(module) and second.nodes(module) else []
        ),
        apply,
    )


AVERAGE = Change(
    "average-pool", "AveragePool for MaxPool", lambda m: [o.loc for o in m.ops if _is_max(o, m)], average_pools
)
GELU = Change("gelu", "GELU for ReLU", _named("Relu"), gelu)
SQUARE = Change("square", "a fitted square for ReLU", _named("Relu"), squares)
TRANSPOSE = Change(
    "merge-transposes",
    "Transposes on both sides of a function merged",
    _named("Transpose"),
    merged_transposes,
    exact=True,
)
PADDING = Change(
    "no-padding", "convolutions without padding", lambda m: [o.loc for o in m.ops if _is_padded(o)], without_padding
)

#: In the order in which they are tried.
CHANGES = (TRANSPOSE, AVERAGE, GELU, SQUARE, PADDING, _both(AVERAGE, GELU), _both(AVERAGE, SQUARE))
