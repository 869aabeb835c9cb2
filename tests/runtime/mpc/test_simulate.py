"""Fixed point in simulate mode: weights as the server encodes them, truncations as shares make them."""

import numpy as np
import pytest

from ppc.runtime.mpc import simulate
from ppc.runtime.mpc.weights import FORMS, WEIGHT_BITS
from ppc.runtime.value import Value, Weight

RNG = np.random.default_rng(3)
UNIT = 2.0**-16


def encoded(how: str, arrays: list[np.ndarray], *args: float) -> np.ndarray:
    return np.rint(FORMS[how](arrays, args) * 2.0**WEIGHT_BITS) / 2.0**WEIGHT_BITS


def test_a_small_weight_loses_its_digits() -> None:
    """A scaler for amounts in thousands: what is left of 1/2800 is wrong by more than a tenth of a percent."""
    x, w = Value("mpc", (1, 1), np.ones((1, 1))), Weight("w", (1, 1), np.full((1, 1), 1 / 2800))
    _, seen = simulate.weights("mpc.Gemm", {}, [x, w])
    assert seen.data == encoded("plain", [w.data], 1.0) and abs(seen.data * 2800 - 1) > 1e-3
    assert simulate.weights("mpc.Add", {}, [x, w])[1] is w


def test_forms_are_those_of_the_server() -> None:
    a, v = RNG.uniform(0.1, 9, 5), RNG.uniform(0.1, 9, 5)
    x, w, zero, var = Value("mpc", (1, 5)), Weight("w", (5,), a), Weight("z", (5,), 0 * a), Weight("v", (5,), v)
    inverse = simulate.weights("mpc.Div", {}, [x, w])[1].data
    np.testing.assert_allclose(1 / inverse, encoded("inverse", [a]), rtol=1e-12)
    alpha = simulate.weights("mpc.Gemm", {"alpha": 0.3}, [x, w])[1].data
    np.testing.assert_allclose(0.3 * alpha, encoded("plain", [a], 0.3), rtol=1e-12)
    norm = simulate.weights("mpc.BatchNormalization", {"epsilon": 0.01}, [x, w, zero, zero, var])[1].data
    factor = encoded("over_deviation", [a, v], 0.01, 0).reshape(-1)
    np.testing.assert_allclose(norm / np.sqrt(v + 0.01), factor, rtol=1e-12)


def test_truncation_goes_both_ways_and_leaves_what_fits() -> None:
    third = simulate.truncated(np.full(60_000, UNIT / 3), {}, np.random.default_rng(0))
    assert set(np.unique(third)) == {0.0, UNIT} and third.mean() == pytest.approx(UNIT / 3, rel=0.05)
    whole = np.arange(-4, 5) * UNIT
    assert np.array_equal(simulate.truncated(whole, {}, np.random.default_rng(0)), whole)


def test_a_kept_product_is_exact() -> None:
    x = RNG.normal(size=100)
    kept = simulate.truncated(x, {"fraction_bits": 36}, np.random.default_rng(0))
    assert np.abs(kept - x).max() <= 2.0**-37 and not np.array_equal(kept, simulate.nearest(x))
