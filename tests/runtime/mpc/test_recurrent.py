"""LSTM, GRU and RNN against the kernels: every direction, layout and variant."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppc.runtime import kernels

RNG = np.random.default_rng(8)
TIME, BATCH, WIDTH, HIDDEN = 6, 2, 3, 4
GATES, STATES = {"LSTM": 4, "GRU": 3, "RNN": 1}, {"LSTM": 2, "GRU": 1, "RNN": 1}
CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("LSTM", {}, False),
    ("LSTM", {"direction": "bidirectional"}, True),
    ("LSTM", {"direction": "reverse", "layout": 1}, True),
    ("GRU", {}, True),
    ("GRU", {"linear_before_reset": 1, "direction": "bidirectional"}, False),
    ("RNN", {"direction": "reverse"}, True),
    ("RNN", {"activations": ("Relu",)}, False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join([c[0], *map(str, c[1].values())]))
def test_it_is_the_kernel(case: Any, step_of_mpc: Callable[..., Any]) -> None:
    op, attrs, started = case
    directions = 2 if attrs.get("direction") == "bidirectional" else 1
    weights = {
        "@w": RNG.normal(size=(directions, GATES[op] * HIDDEN, WIDTH)),
        "@r": RNG.normal(size=(directions, GATES[op] * HIDDEN, HIDDEN)),
        "@b": RNG.normal(size=(directions, 2 * GATES[op] * HIDDEN)),
    }
    x = RNG.normal(size=(TIME, BATCH, WIDTH)) * 2
    starts = [RNG.normal(size=(directions, BATCH, HIDDEN)) for _ in range(STATES[op])] if started else []
    if attrs.get("layout"):
        x, starts = x.swapaxes(0, 1), [s.swapaxes(0, 1) for s in starts]
    attrs = {**attrs, "hidden_size": HIDDEN}
    y, *last = kernels.run(op, [x, *weights.values(), None, *starts], attrs)
    outcome = step_of_mpc(
        op, x, *weights, None, *starts, attrs=attrs, weights=weights, shape=y.shape, further=[s.shape for s in last]
    )
    np.testing.assert_allclose(outcome.value, y, atol=2e-3)
    for got, want in zip(outcome.further, last, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-3)
    sent = [len(s.engines["mpc"].masked.get(1, {})) for s in outcome.sessions.values() if s.role == "client"]
    assert sent == [2]  # W and R travel once, however many time steps there are
