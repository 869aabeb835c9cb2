"""Random graphs that HE can run: up to 30 operators over small shapes, with branches that meet again.

Values are computed while the graph grows, so that weights keep them near 1, and an approximated activation has the
interval that the data has. `Grown.module` is at stage CONVERTED, with ranges as the calibrate pass writes them.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.ir.module import Module
from ppc.runtime import kernels

Array = NDArray[np.float64]

#: Values of the graph that is run; ranges come from these and from OTHERS more batches.
OTHERS = 2
#: Shapes of one sample.
SHAPES = ((2, 4, 4), (1, 6, 6), (3, 4, 2), (12,), (30,))
LEAVES: tuple[tuple[str, dict[str, str]], ...] = (
    ("convert.he_to_mpc", {}),
    ("reveal.he_to_client", {"privacy": "public weights"}),
    ("reveal.he_to_client", {}),
)


class Grown:
    """One graph of `operators` operators; `depth` bounds its products one after another."""

    def __init__(self, builder: Any, seed: int, operators: int, depth: int):
        self.rng = np.random.default_rng(seed)
        self.batch = int(self.rng.choice((1, 1, 2, 5)))
        shape = (self.batch, *SHAPES[int(self.rng.integers(len(SHAPES)))])
        self.b = builder(shape, self.batch)
        self.most = depth
        # one more leading axis than the graph has: several batches at once
        self.data = {self.b.last: self.rng.normal(size=(1 + OTHERS, *shape))}
        self.x = self.data[self.b.last]
        self.depth = {self.b.last: 0}
        while len(self.b.ops) <= operators:
            getattr(self, str(self.rng.choice(KINDS)))(self.pick())

    def module(self) -> Module:
        """Without what the result does not need, as the compiler's passes leave it."""
        name, attrs = LEAVES[int(self.rng.integers(len(LEAVES)))]
        module = self.b.module(name, dict(attrs))
        needed, ops = set(module.outputs), []
        for op in reversed(module.ops):
            if needed & set(op.results):
                needed |= set(op.operands)
                ops.append(op)
        values = {n: v for n, v in module.values.items() if n in needed or n in module.inputs}
        constants = {n: c for n, c in module.constants.items() if n in needed}
        return replace(module, ops=tuple(reversed(ops)), values=values, constants=constants)

    def module_and_result(self, calibrated: Any) -> tuple[Module, Array]:
        """The module with ranges, and what the first batch gives."""
        result = self.data[self.b.last][0]
        return calibrated(self.module(), *self.x), result

    # one operator each

    def pick(self) -> str:
        """One of the newest values."""
        names = list(self.data)
        return names[-1 - min(int(self.rng.exponential(1.2)), len(names) - 1)]

    def take(self, name: str, operands: list[str], attrs: dict[str, Any] | None = None, products: int = 0) -> str:
        """Append an operator whose secret operands are known; large results are scaled down."""
        read = [o for o in operands if o in self.data]
        constants = self.b.constants
        found = np.stack(
            [
                kernels.run(
                    name, [self.data[o][i] if o in self.data else constants[o].data for o in operands], attrs or {}
                )[0]
                for i in range(len(self.x))
            ]
        )
        result = self.b.op(name, operands, found.shape[1:], attrs)
        self.data[result] = found
        self.depth[result] = max(self.depth[o] for o in read) + products
        size = np.abs(found).max()
        if size > 6:
            result = self.take("Mul", [result, self.b.weight(2 / size)])
        return result

    def shape(self, name: str) -> tuple[int, ...]:
        return self.data[name].shape[1:]

    def dense(self, x: str) -> None:
        if len(self.shape(x)) != 2:
            return self.flatten(x)
        columns, rows = self.shape(x)[1], int(self.rng.integers(2, 14))
        w = self.rng.normal(size=(rows, columns)) / columns**0.5
        self.take("Gemm", [x, self.b.weight(w), self.b.weight(self.rng.normal(size=rows) / 4)], {"transB": 1})

    def conv(self, x: str) -> None:
        if len(self.shape(x)) != 4:
            return self.dense(x)
        channels, size = self.shape(x)[1], int(self.rng.choice((1, 3)))
        filters, stride = int(self.rng.choice((channels, channels, 2))), int(self.rng.choice((1, 1, 2)))
        w = self.rng.normal(size=(filters, channels, size, size)) / (channels * size * size) ** 0.5
        attrs = {"pads": (size // 2,) * 4, "strides": (stride, stride)}
        self.take("Conv", [x, self.b.weight(w), self.b.weight(self.rng.normal(size=filters) / 4)], attrs)

    def pool(self, x: str) -> None:
        if len(self.shape(x)) == 4 and min(self.shape(x)[2:]) >= 2:
            self.take("AveragePool", [x], {"kernel_shape": (2, 2), "strides": (2, 2)})

    def reduce(self, x: str) -> None:
        """The mean over the last axis, or what is left of the value without it."""
        if len(self.shape(x)) < 2 or self.shape(x)[-1] < 2:
            return
        mean = self.take("ReduceMean", [x], {"axes": (len(self.shape(x)) - 1,), "keepdims": 1})
        if self.rng.random() < 0.6:
            self.take("Sub", [x, mean])

    def constant(self, x: str) -> None:
        shape = self.shape(x)[1:] if self.rng.random() < 0.5 else ()
        name = str(self.rng.choice(("Add", "Sub", "Mul")))
        operands = [x, self.b.weight(self.rng.uniform(0.3, 1.2, size=shape))]
        self.take(name, operands if self.rng.random() < 0.7 else operands[::-1])

    def pair(self, x: str) -> None:
        """With another value of the shape: a residual branch, where there is one."""
        alike = [n for n in self.data if n != x and self.shape(n) == self.shape(x)]
        if alike:
            self.take(str(self.rng.choice(("Add", "Sub"))), [x, alike[int(self.rng.integers(len(alike)))]])

    def product(self, x: str) -> None:
        alike = [n for n in self.data if self.shape(n) == self.shape(x) and self.depth[n] < self.most]
        if alike and self.depth[x] < self.most:
            self.take("Mul", [x, alike[int(self.rng.integers(len(alike)))]], products=1)

    def square(self, x: str) -> None:
        if self.depth[x] < self.most:
            self.take("Mul", [x, x], products=1)

    def activation(self, x: str) -> None:
        degree = int(self.rng.integers(2, 8))
        taken = degree.bit_length()
        if self.depth[x] + taken <= self.most:
            low, high = float(self.data[x].min()) - 0.3, float(self.data[x].max()) + 0.3
            coefficients = tuple(map(float, self.rng.normal(size=degree + 1) / (1 + np.arange(degree + 1))))
            self.take("Polynomial", [x], {"coefficients": coefficients, "lo": low, "hi": high}, products=taken)

    def flatten(self, x: str) -> None:
        size = int(np.prod(self.shape(x)[1:]))
        self.take("Reshape", [x], {"shape": (self.batch, size)})

    def transpose(self, x: str) -> None:
        if len(self.shape(x)) == 4:
            self.take("Transpose", [x], {"perm": (0, *map(int, 1 + self.rng.permutation(3)))})

    def slice(self, x: str) -> None:
        axis = int(self.rng.integers(1, len(self.shape(x))))
        extent = self.shape(x)[axis]
        if extent >= 3:
            step = int(self.rng.choice((1, 2)))
            self.take("Slice", [x], {"starts": (1,), "ends": (extent,), "axes": (axis,), "steps": (step,)})

    def concat(self, x: str) -> None:
        alike = [n for n in self.data if self.shape(n) == self.shape(x)]
        if np.prod(self.shape(x)[1:]) <= 64:
            self.take("Concat", [x, alike[int(self.rng.integers(len(alike)))]], {"axis": 1})


KINDS = (
    *("dense", "dense", "conv", "conv", "pool", "reduce", "constant", "pair", "pair", "product", "square"),
    *("activation", "flatten", "transpose", "slice", "concat"),
)
