"""How long an operator's numpy kernel takes, from its shapes: counted work times a measured price."""

from collections.abc import Mapping
from math import prod

from ppc.ir.module import Module, Op

#: Kernels that do more with each element than read it once; the others are counted in "element".
UNITS = {
    **dict.fromkeys(
        ("Sigmoid", "Softplus", "Erf", "Gelu", "HardSwish", "Mish", "Pow", "Sin", "Cos", "Log"), "function"
    ),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool", "TopK", "ArgMax", "ArgMin", "Resize"), "window"),
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble", "SVMClassifier"), "tree"),
}


def units(op: Op, module: Module) -> dict[str, float]:
    """How much work `op` is: one call ("step"), its multiply-accumulates, and its elements, read and written."""
    moved = sum(module.type_of(name).size for name in (*op.operands, *op.results) if name)
    return {"step": 1, "mac": macs(op, module), UNITS.get(op.name, "element"): moved}


def seconds(op: Op, module: Module, prices: Mapping[str, float]) -> float:
    """Time of `op` in numpy, float64, one thread."""
    return sum(count * prices[unit] for unit, count in units(op, module).items())


def macs(op: Op, module: Module) -> int:
    """Multiply-accumulates of the products in `op`; 0 where it has none."""
    shapes = [module.type_of(name).shape if name else () for name in op.operands]
    size = module.type_of(op.results[0]).size
    match op.name:
        case "Conv":  # weight: out x in/group x kernel
            return size * prod(shapes[1][1:])
        case "ConvTranspose":  # weight: in x out/group x kernel; every input element meets one slice
            return prod(shapes[0]) * prod(shapes[1][1:])
        case "MatMul" | "Gemm":
            inner = shapes[0][-2] if op.attrs.get("transA") else shapes[0][-1]
            return size * inner
        case (
            "LSTM" | "GRU" | "RNN"
        ):  # x: sequence x batch x input; weights: directions x gates*hidden x (input, hidden)
            return shapes[0][0] * shapes[0][1] * (prod(shapes[1]) + prod(shapes[2]))
    return 0
