"""Which operators the IR has, once a node is normalised."""

from ppc.ir.opdef import OpDef
from ppc.ir.ops import OPS, opdef


def known_ops() -> frozenset[str]:
    """Names of all operators of the IR."""
    return frozenset(OPS)


def declaration(name: str) -> OpDef | None:
    """The row of an operator, None where there is none."""
    return opdef(name) if name in OPS else None
