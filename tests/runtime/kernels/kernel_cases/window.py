"""Cases: convolution, pooling, normalisation."""

from kernel_cases.elementwise import f
from kernel_oracle import Case

X1, X2, X3 = f(2, 4, 11), f(2, 4, 9, 8), f(1, 4, 5, 6, 5)
_POOL = [
    (X2, {"kernel_shape": (3, 2)}),
    (X2, {"kernel_shape": (2, 2), "strides": (2, 2)}),
    (X2, {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 0, 1, 1)}),
    (X2, {"kernel_shape": (3, 3), "strides": (2, 3), "pads": (1, 1, 1, 1), "ceil_mode": 1}),
    (X2, {"kernel_shape": (2, 2), "strides": (2, 2), "ceil_mode": 1}),
    (X2, {"kernel_shape": (3, 3), "strides": (2, 2), "auto_pad": "SAME_UPPER"}),
    (X2, {"kernel_shape": (2, 2), "strides": (1, 1), "auto_pad": "SAME_LOWER"}),
    (X2, {"kernel_shape": (3, 3), "auto_pad": "VALID"}),
    (X2, {"kernel_shape": (2, 3), "dilations": (2, 2)}),
    (X1, {"kernel_shape": (3,), "strides": (2,), "pads": (1, 1)}),
    (X3, {"kernel_shape": (2, 2, 2), "strides": (2, 2, 2)}),
]
_CONV = [
    ([X2, f(6, 4, 3, 3), f(6)], {}),
    ([X2, f(6, 4, 3, 3)], {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}),
    ([X2, f(6, 4, 3, 2), f(6)], {"strides": (2, 3), "pads": (0, 1, 2, 1)}),
    ([X2, f(6, 4, 3, 3), f(6)], {"dilations": (2, 2), "pads": (2, 2, 2, 2)}),
    ([X2, f(6, 2, 3, 3), f(6)], {"group": 2}),
    ([X2, f(8, 1, 3, 3), f(8)], {"group": 4, "pads": (1, 1, 1, 1), "strides": (2, 2)}),
    ([X2, f(6, 4, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": (2, 2)}),
    ([X2, f(6, 4, 2, 2)], {"auto_pad": "SAME_LOWER"}),
    ([X2, f(6, 4, 2, 2)], {"auto_pad": "VALID"}),
    ([X1, f(5, 4, 3), f(5)], {"pads": (2, 0), "strides": (2,)}),
    ([X3, f(5, 4, 2, 3, 2), f(5)], {"pads": (1, 1, 0, 0, 1, 1)}),
    ([f(1, 64, 56, 56), f(64, 64, 3, 3)], {"pads": (1, 1, 1, 1)}),
]
_TRANSPOSED = [
    ([X2, f(4, 5, 3, 3), f(5)], {}),
    ([X2, f(4, 5, 3, 3)], {"strides": (2, 2), "pads": (1, 1, 1, 1)}),
    ([X2, f(4, 5, 3, 3), f(5)], {"strides": (2, 2), "output_padding": (1, 1), "pads": (0, 1, 1, 0)}),
    ([X2, f(4, 5, 3, 3)], {"dilations": (2, 2)}),
    ([X2, f(4, 3, 3, 2), f(6)], {"group": 2, "strides": (3, 2)}),
    ([X2, f(4, 1, 4, 4), f(4)], {"group": 4, "strides": (2, 2), "pads": (1, 1, 1, 1)}),
    ([X2, f(4, 5, 3, 3)], {"strides": (2, 2), "output_shape": (19, 17), "auto_pad": "SAME_UPPER"}),
    ([X2, f(4, 5, 3, 3)], {"strides": (2, 2), "auto_pad": "SAME_UPPER"}),
    ([X2, f(4, 5, 3, 3)], {"strides": (2, 2), "auto_pad": "SAME_LOWER"}),
    ([X2, f(4, 5, 3, 3)], {"strides": (2, 2), "output_shape": (18, 17)}),
    ([X1, f(4, 5, 3), f(5)], {"strides": (2,)}),
    ([X3, f(4, 2, 2, 2, 2)], {"strides": (2, 1, 2)}),
]
_STATISTICS = [f(4), f(4), f(4), f(4, low=0.1)]
CASES: list[Case] = [
    *(Case("Conv", operands, attrs) for operands, attrs in _CONV),
    *(Case("ConvTranspose", operands, attrs) for operands, attrs in _TRANSPOSED),
    *(Case("MaxPool", [x], attrs) for x, attrs in _POOL),
    *(Case("AveragePool", [x], attrs) for x, attrs in _POOL),
    *(Case("AveragePool", [x], {**attrs, "count_include_pad": 1}) for x, attrs in _POOL),
    *(Case("LpPool", [x], attrs) for x, attrs in _POOL if not attrs.get("ceil_mode")),
    Case("LpPool", [X2], {"kernel_shape": (3, 3), "p": 3}),
    *(Case(op, [x]) for op in ("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool") for x in (X1, X2, X3)),
    Case("GlobalLpPool", [X2], {"p": 1}),
    *(Case("BatchNormalization", [x, *_STATISTICS]) for x in (f(5, 4), X1, X2)),
    Case("BatchNormalization", [X2, *_STATISTICS], {"epsilon": 0.1}),
    *(Case("InstanceNormalization", [x, f(4), f(4)], {"epsilon": 1e-3}) for x in (X1, X2)),
    Case("GroupNormalization", [X2, f(4), f(4)], {"num_groups": 2}),
    Case("GroupNormalization", [X1, f(4), f(4)], {"num_groups": 4, "epsilon": 1e-3}),
    Case("LayerNormalization", [f(2, 3, 8), f(8), f(8)]),
    Case("LayerNormalization", [f(2, 3, 8), f(8)], {"epsilon": 1e-3}),
    Case("LayerNormalization", [f(2, 3, 8), f(3, 8), f(3, 8)], {"axis": 1}),
    Case("RMSNormalization", [f(2, 3, 8), f(8)], reference=True),
    Case("RMSNormalization", [f(2, 3, 8), f(3, 8)], {"axis": 1, "epsilon": 1e-3}, reference=True),
    Case("LRN", [X2], {"size": 3}),
    Case("LRN", [X2], {"size": 5, "alpha": 0.02, "beta": 0.5, "bias": 2.0}),
    Case("LpNormalization", [f(3, 4)]),
    Case("LpNormalization", [f(3, 4)], {"axis": 0, "p": 1}),
    Case("MeanVarianceNormalization", [X2]),
    Case("MeanVarianceNormalization", [f(3, 4, 5, 2)], {"axes": (0, 1)}),
    Case("Dropout", [f(3, 4)]),
]
