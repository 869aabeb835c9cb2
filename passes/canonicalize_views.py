"""Views: two in a row are one, and one that does nothing is none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ppc.ir.module import Module, Op, Stage
from ppc.passes.base import Pass
from ppc.passes.rewrite import Rewriter, Rule, rewrite


@dataclass(frozen=True)
class CanonicalizeViews(Pass):
    """Reshape∘Reshape, Transpose∘Transpose; a Transpose that moves only axes of size 1 is a Reshape, and so is a
    reduction over such axes.

    An output of the module keeps its op, even one that does nothing.
    """

    name: ClassVar[str] = "canonicalize-views"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.IMPORTED
    also_takes: ClassVar[tuple[Stage, ...]] = (Stage.FOLDED,)

    def run(self, module: Module) -> Module:
        rules: dict[str, tuple[Rule, ...]] = {name: (_drop,) for name in NOTHING}
        rules["Reshape"] = (_drop, _reshape_twice)
        rules["Transpose"] = (_drop, _transpose_ones, _transpose_twice)
        rules |= {name: (_reduced_ones,) for name in ONE_OF_ONE}
        return rewrite(module, rules)


def _same_type(op: Op, r: Rewriter) -> bool:
    return r.type_of(op.operands[0]) == r.type_of(op.results[0])


def _no_pads(op: Op, r: Rewriter) -> bool:
    pads = op.attrs["pads"]
    return isinstance(pads, tuple) and not any(pads)


def _forward(op: Op, r: Rewriter) -> bool:
    steps = op.attrs.get("steps", (1,))
    return _same_type(op, r) and isinstance(steps, tuple) and all(s == 1 for s in steps)


def _in_order(op: Op, r: Rewriter) -> bool:
    perm = op.attrs["perm"]
    return isinstance(perm, tuple) and perm == tuple(range(len(perm)))


#: Operator → whether an op of it returns its operand.
NOTHING: dict[str, Callable[[Op, Rewriter], bool]] = {
    "Cast": _same_type,
    "Concat": lambda op, r: len(op.operands) == 1,
    "Expand": _same_type,
    "Identity": lambda op, r: not r.is_constant(op.operands[0]),
    "Pad": _no_pads,
    "Reshape": _same_type,
    "Slice": _forward,
    "Tile": _same_type,
    "Transpose": _in_order,
}


#: Reductions that return a lone element as it is.
ONE_OF_ONE = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")


def _reduced_ones(op: Op, r: Rewriter) -> None:
    result = r.type_of(op.results[0])
    if r.type_of(op.operands[0]).size == result.size and result.size:
        r.replace(op, "Reshape", op.operands[:1], {"shape": result.shape})


def _drop(op: Op, r: Rewriter) -> None:
    if NOTHING[op.name](op, r):
        r.bypass(op, op.operands[0])


def _reshape_twice(op: Op, r: Rewriter) -> None:
    inner = r.producer(op.operands[0])
    if inner is not None and inner.name == "Reshape":
        r.replace(op, "Reshape", inner.operands, op.attrs)


def _transpose_ones(op: Op, r: Rewriter) -> None:
    perm, shape = op.attrs["perm"], r.type_of(op.operands[0]).shape
    assert isinstance(perm, tuple)
    long = [p for p in perm if shape[int(str(p))] != 1]
    if long == sorted(long, key=lambda p: int(str(p))) and len(long) < len(perm):
        r.replace(op, "Reshape", op.operands, {"shape": r.type_of(op.results[0]).shape})


def _transpose_twice(op: Op, r: Rewriter) -> None:
    inner = r.producer(op.operands[0])
    if inner is None or inner.name != "Transpose":
        return
    first, second = inner.attrs["perm"], op.attrs["perm"]
    assert isinstance(first, tuple) and isinstance(second, tuple)
    r.replace(op, "Transpose", inner.operands, {"perm": tuple(first[int(str(p))] for p in second)})
