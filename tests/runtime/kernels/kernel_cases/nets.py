"""Cases: recurrent and quantised nets."""

import numpy as np
from kernel_cases.elementwise import f, i
from kernel_oracle import Case

SEQ, BATCH, IN, HID = 5, 3, 4, 2
X = f(SEQ, BATCH, IN)
LENGTHS = np.array([5, 2, 3], np.int32)


def weights(gates: int, directions: int = 1) -> list[np.ndarray]:
    w = [f(directions, gates * HID, IN), f(directions, gates * HID, HID), f(directions, 2 * gates * HID)]
    return [0.3 * a for a in w]


def _cells(op: str, gates: int) -> list[Case]:
    hidden = {"hidden_size": HID}
    state = f(1, BATCH, HID)
    return [
        Case(op, [X, *weights(gates)[:2]], hidden),
        Case(op, [X, *weights(gates)], hidden),
        Case(op, [X, *weights(gates), None, state], hidden),
        Case(op, [X, *weights(gates), LENGTHS, state], hidden),
        Case(op, [X, *weights(gates)], {**hidden, "direction": "reverse"}),
        Case(op, [X, *weights(gates), LENGTHS], {**hidden, "direction": "reverse"}),
        Case(op, [X, *weights(gates, 2)], {**hidden, "direction": "bidirectional"}),
        Case(op, [X, *weights(gates, 2), LENGTHS, f(2, BATCH, HID)], {**hidden, "direction": "bidirectional"}),
        Case(op, [X, *weights(gates)], {**hidden, "clip": 0.2}),
        Case(op, [X.swapaxes(0, 1), *weights(gates)], {**hidden, "layout": 1}, reference=True),
    ]


BYTES = i(2, 3, 6, 6, low=0, high=200, dtype=np.uint8)


def scale(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def byte(value: int) -> np.ndarray:
    return np.array(value, np.uint8)


_INTEGER_WEIGHTS = [
    (i(4, 3, 3, 3, low=0, dtype=np.uint8), byte(3), byte(2)),
    (i(4, 3, 3, 3, low=0, dtype=np.uint8), byte(9), None),
]
_HS = {"hidden_size": HID}
_ZERO = np.array([3, 1, 2, 0], np.uint8)
CASES: list[Case] = [
    *_cells("RNN", 1),
    *_cells("GRU", 3),
    *_cells("LSTM", 4),
    Case("RNN", [X, *weights(1)], {**_HS, "activations": ("Relu",)}),
    Case(
        "RNN",
        [X, *weights(1)],
        {**_HS, "activations": ("Affine",), "activation_alpha": (0.5,), "activation_beta": (0.1,)},
    ),
    Case("GRU", [X, *weights(3)], {**_HS, "linear_before_reset": 1}),
    Case(
        "GRU",
        [X, *weights(3)],
        {**_HS, "activations": ("HardSigmoid", "LeakyRelu"), "activation_alpha": (0.3, 0.1), "activation_beta": (0.4,)},
    ),
    Case("LSTM", [X, *weights(4), None, f(1, BATCH, HID), f(1, BATCH, HID), f(1, 3 * HID)], _HS),
    Case("LSTM", [X, *weights(4)], {**_HS, "input_forget": 1}),
    Case("LSTM", [X, *weights(4)], {**_HS, "activations": ("HardSigmoid", "Relu", "Softsign")}),
    Case("QuantizeLinear", [f(3, 4), np.array(0.02, np.float32), np.array(100, np.uint8)]),
    Case("QuantizeLinear", [f(3, 4), np.array(0.02, np.float32), np.array(-3, np.int8)]),
    Case("QuantizeLinear", [f(3, 4), np.array(0.1, np.float32)]),
    Case("QuantizeLinear", [f(3, 4), f(4, low=0.01, high=0.1), _ZERO]),
    Case("QuantizeLinear", [f(3, 4), f(3, low=0.01, high=0.1)], {"axis": 0, "output_dtype": "i8"}),
    Case("DequantizeLinear", [i(3, 4, dtype=np.int8), np.array(0.02, np.float32), np.array(5, np.int8)]),
    Case("DequantizeLinear", [i(3, 4, low=0, dtype=np.uint8), f(4, low=0.01, high=0.1), _ZERO]),
    Case("DequantizeLinear", [i(3, 6, dtype=np.int8), f(3, 3, low=0.01, high=0.1)], {"axis": 1, "block_size": 2}),
    Case("MatMulInteger", [i(3, 4, low=0, dtype=np.uint8), i(4, 5, low=0, dtype=np.uint8)]),
    Case(
        "MatMulInteger",
        [i(3, 4, low=0, dtype=np.uint8), i(4, 5, dtype=np.int8), np.array(7, np.uint8), np.array(-2, np.int8)],
    ),
    Case("DynamicQuantizeLinear", [f(3, 4)]),
    Case("DynamicQuantizeLinear", [f(9, low=1.0)]),
    *(Case("ConvInteger", [BYTES, w, z, v], {"pads": (1, 1, 0, 1)}) for w, z, v in _INTEGER_WEIGHTS),
    Case("ConvInteger", [BYTES, _INTEGER_WEIGHTS[0][0]]),
    Case(
        "QLinearMatMul",
        [BYTES[0, 0], scale(0.0213), byte(7), BYTES[0, 1].T, scale(0.0317), byte(3), scale(0.5171), byte(11)],
    ),
    *(
        Case("QLinearConv", [BYTES, scale(0.0213), byte(5), w, s, z, scale(0.4331), byte(40), b], attrs)
        for w, s, z, b in (
            (i(4, 3, 3, 3, low=0, dtype=np.uint8), scale(0.0987), byte(2), None),
            (i(4, 3, 3, 3, low=0, dtype=np.uint8), scale(0.0987), byte(2), i(4, dtype=np.int32)),
            (i(4, 3, 3, 3, dtype=np.int8), f(4, low=0.05, high=0.2), np.zeros(4, np.int8), i(4, dtype=np.int32)),
        )
        for attrs in ({}, {"strides": (2, 2), "pads": (1, 1, 1, 1)})
    ),
]
