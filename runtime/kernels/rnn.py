"""Recurrent kernels (ONNX RNN, GRU, LSTM), step by step over time.

x is (time, batch, input); W (directions, gates*hidden, input); R (directions, gates*hidden, hidden);
B (directions, 2*gates*hidden). With layout 1 the batch comes first in x, states and results.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ppc.runtime.kernels import Array, activation

Step = Callable[[Array, tuple[Array, ...]], tuple[Array, ...]]
Activation = Callable[[Array], Array]

#: name -> f(x, alpha, beta), and the defaults of alpha and beta.
ACTIVATIONS: dict[str, tuple[Callable[[Array, float, float], Array], float, float]] = {
    "relu": (lambda x, a, b: activation.relu(x), 0.0, 0.0),
    "tanh": (lambda x, a, b: np.tanh(x), 0.0, 0.0),
    "sigmoid": (lambda x, a, b: activation.sigmoid(x), 0.0, 0.0),
    "affine": (lambda x, a, b: a * x + b, 1.0, 0.0),
    "leakyrelu": (lambda x, a, b: activation.leaky_relu(x, alpha=a), 0.01, 0.0),
    "thresholdedrelu": (lambda x, a, b: activation.thresholded_relu(x, alpha=a), 1.0, 0.0),
    "scaledtanh": (lambda x, a, b: a * np.tanh(b * x), 1.0, 1.0),
    "hardsigmoid": (lambda x, a, b: activation.hard_sigmoid(x, alpha=a, beta=b), 0.2, 0.5),
    "elu": (lambda x, a, b: activation.elu(x, alpha=a), 1.0, 0.0),
    "softsign": (lambda x, a, b: activation.softsign(x), 0.0, 0.0),
    "softplus": (lambda x, a, b: activation.softplus(x), 0.0, 0.0),
}

#: Names with a parameter each; alphas and betas are listed for these only, in order.
WITH_ALPHA = {"affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid", "elu"}
WITH_BETA = {"affine", "scaledtanh", "hardsigmoid"}

Floats = Sequence[float] | None


def _activations(names: Sequence[str], alphas: Floats, betas: Floats, clip: float | None) -> list[Activation]:
    alpha, beta = iter(alphas or ()), iter(betas or ())
    out: list[Activation] = []
    for name in (n.lower() for n in names):
        f, a, b = ACTIVATIONS[name]
        a = next(alpha, a) if name in WITH_ALPHA else a
        b = next(beta, b) if name in WITH_BETA else b
        out.append(lambda x, f=f, a=a, b=b: f(x if clip is None else np.clip(x, -clip, clip), a, b))  # type: ignore[misc]
    return out


def _unroll(
    x: Array, state: tuple[Array, ...], lengths: Array, reverse: bool, step: Step
) -> tuple[Array, tuple[Array, ...]]:
    """Run `step` over time; a sequence that is over keeps its state and gives zeros."""
    times = range(len(x) - 1, -1, -1) if reverse else range(len(x))
    out = np.zeros((len(x), *state[0].shape))
    for t in times:
        alive = (t < lengths)[:, None]
        new = step(x[t], state)
        state = tuple(np.where(alive, n, s) for n, s in zip(new, state, strict=True))
        out[t] = np.where(alive, state[0], 0.0)
    return out, state


def _run(
    x: Array,
    r: Array,
    lengths: Array | None,
    starts: Sequence[Array | None],
    direction: str,
    layout: int,
    make_step: Callable[[int], Step],
) -> tuple[Array, ...]:
    """All directions: y (time, directions, batch, hidden) and the last states (directions, batch, hidden)."""
    if layout:
        x, starts = x.swapaxes(0, 1), [None if s is None else s.swapaxes(0, 1) for s in starts]
    directions, hidden, batch = r.shape[0], r.shape[2], x.shape[1]
    length = np.full(batch, len(x)) if lengths is None else lengths
    ys, lasts = [], []
    for d in range(directions):
        state = tuple(np.zeros((batch, hidden)) if s is None else s[d] for s in starts)
        y, last = _unroll(x, state, length, direction == "reverse" or d == 1, make_step(d))
        ys.append(y)
        lasts.append(last)
    y, states = np.stack(ys, 1), [np.stack(s) for s in zip(*lasts, strict=True)]
    if layout:
        return (y.transpose(2, 0, 1, 3), *(s.swapaxes(0, 1) for s in states))
    return (y, *states)


def _biases(b: Array | None, d: int, width: int) -> tuple[Array, Array]:
    both = np.zeros(2 * width) if b is None else b[d]
    return both[:width], both[width:]


def rnn(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    *,
    activation_alpha: Floats = None,
    activation_beta: Floats = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
) -> tuple[Array, ...]:
    """h = f(x W + h R + b): (Y, Y_h)."""
    f = _activations(activations or ["Tanh"] * len(w), activation_alpha, activation_beta, clip)

    def make_step(d: int) -> Step:
        wb, rb = _biases(b, d, r.shape[2])
        return lambda x_t, s: (f[d](x_t @ w[d].T + s[0] @ r[d].T + wb + rb),)

    return _run(x, r, sequence_lens, [initial_h], direction, layout, make_step)


def gru(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    *,
    activation_alpha: Floats = None,
    activation_beta: Floats = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[Array, ...]:
    """Gates z, r, h (Cho et al., arXiv:1406.1078): (Y, Y_h)."""
    f = _activations(activations or ["Sigmoid", "Tanh"] * len(w), activation_alpha, activation_beta, clip)
    n = r.shape[2]

    def make_step(d: int) -> Step:
        wb, rb = _biases(b, d, 3 * n)
        gate, squash = f[2 * d : 2 * d + 2]

        def step(x_t: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
            (h,) = state
            xs = x_t @ w[d].T + wb
            zr = gate(xs[:, : 2 * n] + h @ r[d, : 2 * n].T + rb[: 2 * n])
            z, reset = zr[:, :n], zr[:, n:]
            if linear_before_reset:
                new = squash(xs[:, 2 * n :] + reset * (h @ r[d, 2 * n :].T + rb[2 * n :]))
            else:
                new = squash(xs[:, 2 * n :] + (reset * h) @ r[d, 2 * n :].T + rb[2 * n :])
            return ((1.0 - z) * new + z * h,)

        return step

    return _run(x, r, sequence_lens, [initial_h], direction, layout, make_step)


def lstm(
    x: Array,
    w: Array,
    r: Array,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    initial_c: Array | None = None,
    p: Array | None = None,
    *,
    activation_alpha: Floats = None,
    activation_beta: Floats = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
) -> tuple[Array, ...]:
    """Gates i, o, f, c with optional peepholes p (Gers and Schmidhuber, 2000): (Y, Y_h, Y_c)."""
    names = activations or ["Sigmoid", "Tanh", "Tanh"] * len(w)
    fs = _activations(names, activation_alpha, activation_beta, clip)
    n = r.shape[2]

    def make_step(d: int) -> Step:
        wb, rb = _biases(b, d, 4 * n)
        gate, squash, out = fs[3 * d : 3 * d + 3]
        peep_i, peep_o, peep_f = np.zeros((3, n)) if p is None else p[d].reshape(3, n)

        def step(x_t: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
            h, c = state
            i, o, f, g = np.split(x_t @ w[d].T + h @ r[d].T + wb + rb, 4, axis=1)
            i = gate(i + peep_i * c)
            f = 1.0 - i if input_forget else gate(f + peep_f * c)
            c = f * c + i * squash(g)
            return gate(o + peep_o * c) * out(c), c

        return step

    return _run(x, r, sequence_lens, [initial_h, initial_c], direction, layout, make_step)
