"""What the verifiers of lowered modules ask of a step: InternalError, naming it, where it does not hold."""

from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Op


def int_attr(op: Op, name: str) -> int:
    found = op.attrs.get(name)
    require(isinstance(found, int), op, f"lacks the attribute {name!r}")
    assert isinstance(found, int)
    return found


def float_attr(op: Op, name: str) -> float:
    found = op.attrs.get(name)
    require(isinstance(found, (int, float)), op, f"lacks the attribute {name!r}")
    assert isinstance(found, (int, float))
    return float(found)


def require(holds: bool, op: Op | None, message: str) -> None:
    if not holds:
        where = "the HE parameters" if op is None else f"{op.name} of node {op.loc!r}"
        raise InternalError(f"{where}: {message}")
