"""How long an operator's numpy kernel takes, from its shapes: counted work times a measured rate."""

from math import prod

from ppc.ir.module import Module, Op

# Measured with the kernels of `ppc.runtime.kernels`, one thread of an x86-64 server core with AVX-512, float64.
#: Multiply-accumulates a second of a matrix product or convolution; small ones are paid by the call's overhead.
MACS_PER_SECOND = 1e10
#: Elements a second, read and written, of kernels that do little with each (Relu 2100, Tanh 590, Softmax 500 million).
ELEMENTS_PER_SECOND = 5e8
#: Kernels that do more with each element.
SLOW_ELEMENTS_PER_SECOND = {
    **dict.fromkeys(("Sigmoid", "Softplus", "Erf", "Gelu", "HardSwish", "Mish", "Pow", "Sin", "Cos", "Log"), 4e7),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool", "TopK", "ArgMax", "ArgMin", "Resize"), 5e7),
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble", "SVMClassifier"), 1e6),
}
#: Python and numpy overhead of one step.
SECONDS_PER_STEP = 2e-5


def seconds(op: Op, module: Module) -> float:
    """Time of `op` in numpy, float64, one thread: its multiply-accumulates, its elements, and the call."""
    moved = sum(module.type_of(name).size for name in (*op.operands, *op.results) if name)
    rate = SLOW_ELEMENTS_PER_SECOND.get(op.name, ELEMENTS_PER_SECOND)
    return SECONDS_PER_STEP + macs(op, module) / MACS_PER_SECOND + moved / rate


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
