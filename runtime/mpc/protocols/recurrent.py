"""LSTM, GRU and RNN: unrolled inside the step, both directions and all gates of a time step at once.

x is (time, batch, input), the weights are the server's: (directions, gates · hidden, ...). The products with W of all
time steps are one; R is multiplied with the state in every step, under the same mask (a weight is masked once a
session, what it is multiplied with every time anew). Gates go through one sigmoid table: tanh(y) = 2 sigmoid(2 y) − 1.
Rounds a time step: LSTM 16, GRU 16 (18 where the reset gate comes before the product), RNN 7 (Relu 5).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ppc.runtime.mpc import ring
from ppc.runtime.mpc.engine import Engine
from ppc.runtime.mpc.gates.product import Product
from ppc.runtime.mpc.protocols.compare import relu
from ppc.runtime.mpc.protocols.linear import PRODUCT_BITS, plain, truncate, weighted
from ppc.runtime.mpc.protocols.local import shared
from ppc.runtime.mpc.protocols.smooth import ROWS, evaluate
from ppc.runtime.mpc.ring import Ring, word
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Weight

Attrs = Mapping[str, Any]
Operand = Ring | Weight | None
States = tuple[Ring, ...]
#: From what W gave at a time step, and the states: the new states, the first of which is given out.
Cell = Callable[[Ring, States], Rounds[States]]


def _by_rows(rows: slice = slice(None)) -> Callable[[Ring, Ring], Ring]:
    """x times the transpose of some rows of a weight, for every direction."""
    return lambda a, w: ring.matmul(a, w[:, rows].swapaxes(-1, -2))


def _sum_of_products(e: Engine, x: Ring, y: Ring) -> Rounds[Ring]:
    """Σ over the first axis of x · y: two rounds."""
    z: Ring = yield from e.apply(Product(np.multiply, x.shape, y.shape), x, y)
    return (yield from truncate(e, z.sum(axis=0, dtype=np.uint64), FRACTION_BITS))


def _sigmoids(e: Engine, x: Ring) -> Rounds[Ring]:
    return evaluate(e, ROWS["Sigmoid"], x)


def _tanh_of(e: Engine, halves: Ring) -> Ring:
    """tanh(y) from sigmoid(2 y)."""
    return word(2) * halves - e.public(1.0, FRACTION_BITS)


def _biases(e: Engine, b: Weight | None, directions: int, width: int) -> tuple[Ring, Ring]:
    """What is added to x W and to h R, at the scale of products: (directions, 1, width) each."""
    both = ring.zeros((directions, 2 * width)) if b is None else e.constant(b, PRODUCT_BITS)
    both = both.reshape(directions, 1, 2 * width)
    return both[..., :width], both[..., width:]


def _run(
    e: Engine, attrs: Attrs, x: Ring, w: Weight, hidden: int, bias: Ring, starts: tuple[Operand, ...], cell: Cell
) -> Rounds[tuple[Ring, ...]]:
    """Y and the last states. `bias` is added to x W."""
    layout, direction = int(attrs.get("layout", 0)), str(attrs.get("direction", "forward"))
    if layout:
        x = x.swapaxes(0, 1)
    time, batch, width = x.shape
    directions = w.shape[0]
    from_x = yield from weighted(e, _by_rows(), x.reshape(1, time * batch, width), plain(w), bias)
    from_x = from_x.reshape(directions, time, batch, -1)
    back = [d for d in range(directions) if d == 1 or direction == "reverse"]
    from_x = _turned(from_x, back)
    states = tuple(
        ring.zeros((directions, batch, hidden)) if s is None else _batch_first(shared(e, s), layout) for s in starts
    )
    given = []
    for t in range(time):
        states = yield from cell(from_x[:, t], states)
        given.append(states[0])
    y = _turned(np.stack(given, 1), back).swapaxes(0, 1)  # (time, directions, batch, hidden)
    if layout:
        return (y.transpose(2, 0, 1, 3), *(_batch_first(s, layout) for s in states))
    return (y, *states)


def _batch_first(state: Ring, layout: int) -> Ring:
    return state.swapaxes(0, 1) if layout else state


def _turned(x: Ring, back: list[int]) -> Ring:
    """(directions, time, ...) with time reversed for some directions."""
    return np.stack([part[::-1] if d in back else part for d, part in enumerate(x)])


def lstm(
    e: Engine, attrs: Attrs, x: Ring, w: Weight, r: Weight, b: Weight | None = None, lengths: None = None,
    h: Operand = None, c: Operand = None,
) -> Rounds[tuple[Ring, ...]]:  # fmt: skip
    """Gates i, o, f, g: c = f c + i tanh(g), h = o tanh(c)."""
    n = r.shape[2]
    from_w, from_r = _biases(e, b, r.shape[0], 4 * n)

    def cell(xs: Ring, states: States) -> Rounds[States]:
        h, c = states
        z = xs + (yield from weighted(e, _by_rows(), h, plain(r)))
        gates = yield from _sigmoids(e, np.concatenate([z[..., : 3 * n], word(2) * z[..., 3 * n :]], -1))
        i, o, f, g = np.split(gates, 4, -1)
        c = yield from _sum_of_products(e, np.stack([f, i]), np.stack([c, _tanh_of(e, g)]))
        squashed = _tanh_of(e, (yield from _sigmoids(e, word(2) * c)))
        return (yield from _sum_of_products(e, o[None], squashed[None])), c

    return (yield from _run(e, attrs, x, w, n, from_w + from_r, (h, c), cell))


def gru(
    e: Engine, attrs: Attrs, x: Ring, w: Weight, r: Weight, b: Weight | None = None, lengths: None = None,
    h: Operand = None,
) -> Rounds[tuple[Ring, ...]]:  # fmt: skip
    """Gates z, r, g: h = g + z (h − g), with g = tanh(x W + r (h R)) or tanh(x W + (r h) R)."""
    n = r.shape[2]
    from_w, from_r = _biases(e, b, r.shape[0], 3 * n)
    last = slice(2 * n, 3 * n)
    linear = int(attrs.get("linear_before_reset", 0))
    bias = from_w.copy()
    bias[..., : 2 * n] += from_r[..., : 2 * n]
    if not linear:
        bias[..., last] += from_r[..., last]

    def cell(xs: Ring, states: States) -> Rounds[States]:
        (h,) = states
        if linear:
            added = np.concatenate([ring.zeros((*from_r.shape[:2], 2 * n)), from_r[..., last]], -1)
            from_h = yield from weighted(e, _by_rows(), h, plain(r), added)
        else:
            from_h = yield from weighted(e, _by_rows(slice(0, 2 * n)), h, plain(r))
        gates = yield from _sigmoids(e, xs[..., : 2 * n] + from_h[..., : 2 * n])
        z, reset = gates[..., :n], gates[..., n:]
        if linear:
            inner = yield from _sum_of_products(e, reset[None], from_h[None, ..., last])
        else:
            kept = yield from _sum_of_products(e, reset[None], h[None])
            inner = yield from weighted(e, _by_rows(last), kept, plain(r))
        g = _tanh_of(e, (yield from _sigmoids(e, word(2) * (xs[..., last] + inner))))
        return (g + (yield from _sum_of_products(e, z[None], (h - g)[None])),)

    return (yield from _run(e, attrs, x, w, n, bias, (h,), cell))


def rnn(
    e: Engine, attrs: Attrs, x: Ring, w: Weight, r: Weight, b: Weight | None = None, lengths: None = None,
    h: Operand = None,
) -> Rounds[tuple[Ring, ...]]:  # fmt: skip
    """h = f(x W + h R + b), f being tanh or relu."""
    n = r.shape[2]
    from_w, from_r = _biases(e, b, r.shape[0], n)
    rectified = str((attrs.get("activations") or ("Tanh",))[0]).lower() == "relu"

    def cell(xs: Ring, states: States) -> Rounds[States]:
        z = xs + (yield from weighted(e, _by_rows(), states[0], plain(r)))
        if rectified:
            return ((yield from relu(e, {}, z)),)
        return (_tanh_of(e, (yield from _sigmoids(e, word(2) * z))),)

    return (yield from _run(e, attrs, x, w, n, from_w + from_r, (h,), cell))
