"""he.polynomial against numpy, at exactly the planned depth and scale."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev as C

from ppc.runtime import chebyshev as algorithm
from ppc.runtime.errors import PartyError
from ppc.runtime.he import steps
from ppc.runtime.levels import polynomial_depth


@pytest.mark.parametrize(
    "degree,interval",
    [(d, (-1, 1)) for d in (1, 2, 3, 4, 5, 7, 8, 11, 15, 16, 23, 27, 31)]
    + [(2, (-3, 5)), (7, (0, 10)), (15, (-8, 8)), (27, (-8, 8))],
)
def test_polynomial_is_numpys(deep, degree, interval):
    rng = np.random.default_rng(degree)
    lo, hi = interval
    c = rng.normal(size=degree + 1) / np.sqrt(degree)
    n = deep.context.slots
    x = rng.uniform(lo, hi, n)
    depth = polynomial_depth(degree, interval == (-1, 1))
    level = min(6, depth)
    x_he, attrs = deep.encrypt(x, level), {"coefficients": c.tolist(), "lo": lo, "hi": hi}
    # a result at any scale: it is the coefficients that bring it about
    step = deep.step("he.polynomial", (n,), x_he, level=level, out_level=level - depth, scale=2.0**46, **attrs)
    y = steps.polynomial(deep.server, step, x_he).data[0]
    want = C.chebval((2 * x - lo - hi) / (hi - lo), c)
    assert deep.context.level(y) == level - depth
    assert y.scale == 2.0**46
    assert np.abs(deep.decrypt(y) - want).max() < 1e-5


@pytest.mark.parametrize(
    "coefficients",
    [
        [0.5, 0, 0.25],
        [0, 0, 0, 0, 1.0],
        [0.1, 0.5, 0.3, 0, 0.2, 0, 0, 0, -0.1],
        [0, 1.0, 0, 0],
        [0.7, 0, 0],
        [1, 1e-30, 0, 1e-25],
    ],
)
def test_sparse_even_and_vanishing_coefficients(deep, coefficients):
    n = deep.context.slots
    x = np.random.default_rng(0).uniform(-1, 1, n)
    x_he = deep.encrypt(x, 6)
    step = deep.step("he.polynomial", (n,), x_he, level=6, out_level=1, coefficients=coefficients, lo=-1, hi=1)
    y = steps.polynomial(deep.server, step, x_he).data[0]
    assert y.scale == deep.scale
    assert np.abs(deep.decrypt(y) - C.chebval(x, coefficients)).max() < 1e-6


def test_too_few_levels_is_a_plan_error(deep):
    n = deep.context.slots
    x_he = deep.encrypt(np.zeros(n), 2)
    step = deep.step("he.polynomial", (n,), x_he, level=2, out_level=0, coefficients=[1.0] * 8, lo=-1, hi=1)
    with pytest.raises(PartyError, match=r"PPC6006.*needs 3 levels"):
        steps.polynomial(deep.server, step, x_he)


def test_depth_rule_and_product_counts():
    assert [polynomial_depth(d, True) for d in (1, 2, 3, 4, 7, 8, 15, 27, 31, 32)] == [1, 2, 2, 3, 3, 4, 4, 5, 5, 6]
    assert polynomial_depth(27, False) == 6
    counts = {d: algorithm.product_count(d, polynomial_depth(d, True)) for d in (2, 3, 5, 7, 15, 27)}
    assert all(counts[d] <= most for d, most in {2: 1, 3: 2, 5: 4, 7: 5, 15: 8, 27: 13}.items()), counts


def test_split_is_a_division_in_the_chebyshev_basis():
    p = np.random.default_rng(0).normal(size=14).tolist()
    q, r = algorithm.split(p, 8)
    assert np.allclose(C.chebadd(C.chebmul(q, [0] * 8 + [1]), r), p)
