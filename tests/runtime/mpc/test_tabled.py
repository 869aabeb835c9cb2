"""Simulate mode gives the error that the tables of smooth functions have under MPC."""

from typing import Any

import numpy as np
import pytest

from ppc.runtime import kernels
from ppc.runtime.mpc.tabled import tabled

X = np.random.default_rng(6).normal(size=6000) * 6
X = np.round(np.concatenate([X, [0.0, -8.0, 7.5, 4.0, -4.0, 1e6, -1e6]]) * 2.0**16) / 2.0**16
CASES: list[tuple[str, dict[str, Any]]] = [
    *((op, {}) for op in ("Sigmoid", "Tanh", "Erf", "Gelu", "Swish", "Softplus", "Mish")),
    ("Gelu", {"approximate": "tanh"}),
    ("Gelu", {"tables": "small"}),
    ("Sigmoid", {"tables": "small"}),
]


@pytest.mark.parametrize(("op", "attrs"), CASES)
def test_the_error_is_that_of_shares(op: str, attrs: dict[str, Any], step_of_mpc: Any) -> None:
    expected = np.asarray(kernels.run(op, [X], {k: v for k, v in attrs.items() if k != "tables"})[0])
    found = tabled(op, attrs, X, np.random.default_rng(0))
    assert found is not None
    simulated = np.floor(found * 2.0**16 + 0.5) / 2.0**16
    shared = step_of_mpc(op, X, attrs=attrs, shape=X.shape).value
    predicted, measured = (np.abs(y - expected).mean() for y in (simulated, shared))
    assert predicted / 2 < measured < predicted * 2, (predicted, measured)


def test_what_is_scaled_first_is_scaled_here() -> None:
    found = tabled("Swish", {"alpha": 1.702}, X, np.random.default_rng(0))
    np.testing.assert_allclose(found, X / (1 + np.exp(-np.clip(1.702 * X, -700, 700))), atol=5e-4)
    assert tabled("Relu", {}, X, np.random.default_rng(0)) is None
