"""A polynomial's change of argument goes into the map before it; of degree 2, it becomes a square."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from ppc.ir.module import Op
from ppc.ir.types import Domain
from ppc.targets.he.graph import build
from ppc.targets.he.merge import FARTHEST_VERTEX, Change, merge
from ppc.targets.he.sample import Samples


def polynomial(coefficients, lo, hi):
    return Op("Polynomial", ("x",), ("y",), {"coefficients": tuple(coefficients), "lo": lo, "hi": hi}, "p", Domain.HE)


def nodes(module):
    return merge(build(module, Samples(module)), frozenset(module.outputs))


@pytest.mark.parametrize("seed", range(40))
def test_a_square_is_the_polynomial(seed):
    rng = np.random.default_rng(seed)
    lo = float(rng.uniform(-20, 5))
    hi = lo + float(10 ** rng.uniform(-1, 2))
    c0, c2 = rng.normal(size=2) * 10 ** rng.uniform(-2, 1, size=2)
    c1 = 4 * c2 * rng.uniform(-FARTHEST_VERTEX, FARTHEST_VERTEX)
    change = Change.of(polynomial((c0, c1, c2), lo, hi))
    assert change.square is not None
    negate, plus = change.square
    assert negate == (c2 < 0)
    x = np.linspace(lo, hi, 1001)
    u = change.factor * x + change.offset
    assert np.abs(u).max() <= change.bound * (1 + 1e-12), "u stays within its bound, and reaches it"
    assert np.abs(u).max() >= change.bound * (1 - 1e-9)
    want = chebyshev.chebval((2 * x - lo - hi) / (hi - lo), (c0, c1, c2))
    size = max(1.0, np.abs(want).max())
    assert np.abs((-1 if negate else 1) * u**2 + plus - want).max() <= 1e-12 * size


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("vertex", [0.99, 1.01])
def test_a_vertex_too_far_is_left_alone(sign, vertex):
    """Far from its vertex a parabola is nearly a line: as a square it would be a small difference of large numbers."""
    c2 = 0.25
    change = Change.of(polynomial((0.0, sign * 4 * c2 * vertex * FARTHEST_VERTEX, c2), -2.0, 2.0))
    assert (change.square is not None) == (vertex < 1)
    assert vertex < 1 or (change.factor, change.offset, change.bound) == (0.5, 0.0, 1.0)


def test_degree_1_and_3_change_their_argument_only():
    for coefficients in ((0.5, 1.0), (0.5, 1.0, 0.25, 0.1), (0.0, 1.0, 0.0)):  # a trailing zero is no degree
        change = Change.of(polynomial(coefficients, 1.0, 5.0))
        assert change == Change(0.5, -1.5, 1.0)
        assert Change.of(polynomial(coefficients, -1.0, 1.0)) is None


def test_the_map_makes_the_argument(builder):
    rng = np.random.default_rng(0)
    b = builder((1, 6))
    b.op("Gemm", [b.last, b.weight(rng.normal(size=(6, 4))), b.weight(rng.normal(size=4))], (1, 4))
    b.op("Polynomial", [b.last], (1, 4), {"coefficients": (0.1, 0.4, -0.3), "lo": -3.0, "hi": 5.0})
    module = b.module()
    _, before, *_ = build(module, Samples(module))
    _, made, square, _ = nodes(module)
    assert (made.kind, square.kind) == ("linear", "square")
    assert square.operands == (made.result,)
    assert square.square[0], "the leading coefficient is negative"
    x = rng.normal(size=6)
    u = made.map.apply(x)
    want = chebyshev.chebval((2 * before.map.apply(x) - 2) / 8, (0.1, 0.4, -0.3))
    np.testing.assert_allclose(-(u**2) + square.square[1], want, atol=1e-12)


@pytest.mark.parametrize("reader", ["kept", "also read", "not a map"])
def test_an_argument_that_others_read_is_left_alone(builder, reader):
    b = builder((1, 4))
    h = b.op("Gemm", [b.last, b.weight(np.eye(4))], (1, 4))
    if reader == "not a map":
        h = b.op("Mul", [h, h], (1, 4))
    p = b.op("Polynomial", [h], (1, 4), {"coefficients": (0.1, 0.4, 0.3), "lo": -3.0, "hi": 5.0})
    if reader == "also read":
        b.op("Add", [p, h], (1, 4))
    module = b.module()
    kept = frozenset((h,)) if reader == "kept" else frozenset(module.outputs)
    (found,) = (n for n in merge(build(module, Samples(module)), kept) if n.result == p)
    assert found.kind == "polynomial" and found.op.attrs["lo"] == -3.0
