"""What a value depends on, and what depends on it."""

from collections.abc import Iterable

from ppc.ir.module import Module, Op


def made_by(module: Module, values: Iterable[str]) -> set[str]:
    """Locations of all ops that the values depend on."""
    needed, found = set(values), set[str]()
    for op in reversed(module.ops):
        if needed & set(op.results):
            needed.update(o for o in op.operands if o and not o.startswith("@"))
            found.add(op.loc)
    return found


def reveals_of(module: Module, values: Iterable[str]) -> list[Op]:
    """Reveals of anything that depends on the values, in program order."""
    touched, found = set(values), list[Op]()
    for op in module.ops:
        if touched & set(op.operands):
            touched.update(op.results)
            if op.name.startswith("reveal."):
                found.append(op)
    return found
