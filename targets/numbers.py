"""The numbers of a model that a node computes with: those of an attention mask may be too large for any encoding."""

from ppc.ir.module import Module, Op


def too_large(op: Op, module: Module, limit: float) -> float | None:
    """A number of the node's constants or attributes that is not below `limit` in size (or no number), else None."""
    numbers = [float(v) for v in op.attrs.values() if isinstance(v, float)]
    for name in op.operands:
        data = module.constants[name].data if name.startswith("@") else None
        if data is not None and data.size and data.dtype.kind in "fiu":
            numbers += [float(data.min()), float(data.max())]  # NaN wins
    return next((v for v in numbers if not abs(v) < limit), None)
