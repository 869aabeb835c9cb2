"""Cases: elementwise arithmetic, smooth functions, logic, activations."""

import numpy as np
from kernel_oracle import Case

RNG = np.random.default_rng(1)


def f(*shape: int, low: float = -3.0, high: float = 3.0) -> np.ndarray:
    return RNG.uniform(low, high, shape).astype(np.float32)


def i(*shape: int, low: int = -9, high: int = 9, dtype: type = np.int64) -> np.ndarray:
    return RNG.integers(low, high, shape).astype(dtype)


def b(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2, shape).astype(np.bool_)


def nonzero(*shape: int) -> np.ndarray:
    x = i(*shape)
    return np.where(x == 0, 5, x)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 2.5, -0.5, 1.5, -1.5], np.float32)
IN_UNIT = {"Asin", "Acos", "Atanh"}
POSITIVE = {"Sqrt", "Log"}

T = np.linspace(-1.0, 1.0, 9)
CASES: list[Case] = [
    *(Case(op, [f(2, 3, 4), f(3, 1)]) for op in ("Add", "Sub", "Mul", "Div")),
    *(Case(op, [i(4, 5), i(5)]) for op in ("Add", "Sub", "Mul")),
    Case("Div", [i(6, 50, low=-90, high=90), nonzero(50)]),
    Case("Div", [f(3), np.zeros(3, np.float32)]),
    Case("Pow", [f(3, 4, low=0.1), f(4)]),
    Case("Pow", [f(3, 4), np.array(2.0, np.float32)]),
    Case("Pow", [f(3, 4), np.array(3, np.int64)]),
    Case("Pow", [i(3, 4), np.array(2, np.int64)]),
    Case("Mod", [i(40), nonzero(40)]),
    Case("Mod", [i(40), nonzero(40)], {"fmod": 1}),
    Case("Mod", [f(5, 4), f(5, 4, low=0.5)], {"fmod": 1}),
    *(Case(op, [f(2, 3), f(3), f(1, 1)]) for op in ("Min", "Max", "Sum", "Mean")),
    *(Case(op, [f(2, 3)]) for op in ("Min", "Max", "Sum", "Mean")),
    Case("Max", [i(2, 3), i(3)]),
    Case("Clip", [f(4, 4)], {"min": -1.0, "max": 0.5}),
    Case("Clip", [f(4, 4)], {"min": -1.0}),
    Case("Clip", [f(4, 4)], {"max": 0.5}),
    Case("Clip", [f(4, 4)]),
    Case("Clip", [i(9)], {"min": -2, "max": 3}),
    *(Case(op, [f(3, 4)]) for op in ("Neg", "Abs", "Sign", "Floor", "Ceil", "Round", "Reciprocal")),
    *(Case(op, [i(3, 4)]) for op in ("Neg", "Abs", "Sign")),
    *(Case(op, [SPECIAL]) for op in ("Floor", "Ceil", "Round", "Abs")),
    *(Case(op, [f(3, 4)]) for op in ["Exp", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Tanh", "Erf"]),
    *(Case(op, [f(3, 4, low=-0.9, high=0.9)]) for op in ("Asin", "Acos", "Atanh")),
    *(Case(op, [f(3, 4, low=0.01)]) for op in ("Sqrt", "Log")),
    Case("Acosh", [f(3, 4, low=1.1)]),
    *(Case(op, [f(3, 40, low=-40, high=40)]) for op in ("Sigmoid", "Softplus", "Softsign", "Mish", "Tanh", "Erf")),
    Case("Swish", [f(3, 4)], reference=True),
    Case("Swish", [f(3, 4)], {"alpha": 1.5}, reference=True),
    Case("Gelu", [f(3, 40)]),
    Case("Gelu", [f(3, 40)], {"approximate": "tanh"}),
    *(Case(op, [b(2, 3, 4), b(3, 1)]) for op in ("And", "Or", "Xor", "Equal")),
    Case("Not", [b(7)]),
    *(
        Case(op, [i(4, 5), i(5)])
        for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "BitwiseAnd", "BitwiseOr", "BitwiseXor")
    ),
    *(Case(op, [f(4, 5), f(5)]) for op in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual")),
    Case("BitwiseNot", [i(9)]),
    Case("Rsqrt", [np.float32([0.25, 1.0, 9.0])], {}, [np.float32([2.0, 1.0, 1 / 3])]),
    Case("BitCast", [np.int32([0, 1, -1, 1065353216])], {"source": "i32", "to": "f32"}, reference=True),
    Case("BitCast", [np.float32([[0.0, 1.5], [-2.0, 3e38]])], {"source": "f32", "to": "u32"}, reference=True),
    Case(
        "BitShift",
        [np.int8([-128, -3, 5, 7]), np.int8([1, 9, 2, -1])],
        {"direction": "RIGHT"},
        [np.int8([-64, -1, 1, 0])],
    ),
    Case(
        "BitShift",
        [np.int8([-128, -3, 5, 7]), np.int8([1, 9, 2, 6])],
        {"direction": "LEFT"},
        [np.int8([0, 0, 20, -64])],
    ),
    Case("BitShift", [i(9, low=0, dtype=np.uint8), i(9, low=0, high=5, dtype=np.uint8)], {"direction": "LEFT"}),
    Case("BitShift", [i(9, low=0, dtype=np.uint32), i(9, low=0, high=5, dtype=np.uint32)], {"direction": "RIGHT"}),
    Case("IsNaN", [SPECIAL]),
    Case("IsInf", [SPECIAL]),
    Case("IsInf", [SPECIAL], {"detect_negative": 0}),
    Case("IsInf", [SPECIAL], {"detect_positive": 0}),
    Case("Where", [b(2, 1, 4), f(3, 1), f(4)]),
    Case("Where", [b(5), i(5), i(1)]),
    Case("Relu", [f(3, 4)]),
    Case("Relu", [i(3, 4, dtype=np.int32)]),
    *(Case(op, [f(3, 8)]) for op in ["LeakyRelu", "ThresholdedRelu", "Elu", "Selu", "Celu"]),
    *(Case(op, [f(3, 8)]) for op in ["HardSigmoid", "HardSwish", "Shrink"]),
    *(Case(op, [f(3, 8)], {"alpha": 0.3}) for op in ["LeakyRelu", "ThresholdedRelu", "Elu", "Celu"]),
    Case("Selu", [f(3, 8)], {"alpha": 1.2, "gamma": 0.7}),
    Case("HardSigmoid", [f(3, 8)], {"alpha": 0.3, "beta": 0.4}),
    Case("Shrink", [f(3, 8)], {"bias": 0.2, "lambd": 1.0}),
    Case("PRelu", [f(2, 3, 4), f(3, 1)]),
    Case("PRelu", [f(2, 3), f(1)]),
    *(Case(op, [f(2, 3, 4)]) for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, [f(2, 3, 4)], {"axis": 1}) for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, [100 * f(2, 3, 4)], {"axis": 0}) for op in ("Softmax", "LogSoftmax")),
    Case("Polynomial", [T], {"coefficients": (1.0,)}, [np.ones(9)]),
    Case(
        "Polynomial",
        [3.0 * T + 1.0],
        {"coefficients": (0.5, -1.0, 0.25, 2.0), "lo": -2.0, "hi": 4.0},
        [0.5 - np.cos(np.arccos(T)) + 0.25 * np.cos(2 * np.arccos(T)) + 2.0 * np.cos(3 * np.arccos(T))],
    ),
]
