"""What both lowerings of HE do alike: steps in place of operators, in the module's order; the rest goes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ppc.ir.module import Attr, Constant, Module, Op, Value
from ppc.ir.types import Domain


def weave(module: Module, steps: Iterable[tuple[Op, Callable[[], None]]], ops: list[Op]) -> None:
    """Emit each step where its operator stood, and put the ops of other domains between them into `ops`."""
    of_op: dict[tuple[str, ...], list[Callable[[], None]]] = {}
    for op, emit in steps:
        of_op.setdefault(op.results, []).append(emit)
    for op in module.ops:
        if op.results in of_op:
            for emit in of_op[op.results]:
                emit()
        elif op.domain is not Domain.HE:
            ops.append(op)


def woven(
    module: Module,
    ops: list[Op],
    values: Mapping[str, Value],
    constants: Mapping[str, Constant],
    parameters: Mapping[str, Attr],
) -> Module:
    """The module of these ops, without values that nothing makes and weights that only HE operators read."""
    live = set(module.inputs) | {r for op in ops for r in op.results}
    read = {o for op in ops for o in op.operands}
    gone = {o for op in module.ops if op.domain is Domain.HE for o in op.operands} - read
    return replace(
        module,
        ops=tuple(ops),
        values={n: v for n, v in values.items() if n in live},
        constants={n: c for n, c in constants.items() if n not in gone},
        attrs={**module.attrs, **parameters},
    )
