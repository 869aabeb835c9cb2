"""Gates at the edges of the ring: where masks borrow, carry and wrap."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from ppc.runtime.mpc.engine import Gate
from ppc.runtime.mpc.gates import fan
from ppc.runtime.mpc.gates.compare import Compare
from ppc.runtime.mpc.gates.compare_at_once import CompareAtOnce
from ppc.runtime.mpc.gates.exponential import Powers
from ppc.runtime.mpc.gates.fan import Fan
from ppc.runtime.mpc.gates.guarded import Guarded
from ppc.runtime.mpc.gates.maximum import Maximum
from ppc.runtime.mpc.gates.table import Lookup, coefficients, picked, polynomial, rotated, shifted
from ppc.runtime.mpc.gates.truncate import NARROW, Truncate
from ppc.runtime.mpc.gates.windows import windows
from ppc.runtime.mpc.protocols.smooth import ROWS
from ppc.runtime.schema import Tables

POWERS = [s * (2**k + d) for k in range(0, 62) for d in (-1, 0, 1) for s in (-1, 1)]
EDGES = np.array(sorted({0, *POWERS}), np.int64)


@dataclass(frozen=True)
class OfBits:
    """A fan on bits that the client has: additive shares of sum + 2 · product, from its XOR shares."""

    fan: Fan
    equal: np.ndarray
    less: np.ndarray

    def deal(self, d: Any) -> Any:
        fan.deal(d, self.fan, self.less.shape[1])
        return np.zeros(self.less.shape[1], np.uint64)

    def online(self, p: Any, *shares: Any) -> Any:
        factor = np.uint8(p.first)
        total, product = yield from fan.online(p, self.fan, self.equal * factor, self.less * factor)
        both = total + np.uint8(2) * product
        opened = yield from p.open_xor(both)
        return opened.astype(np.uint64) * p.first


def compare(tables: Tables, *fields: Any, **more: Any) -> Gate:
    """The gate that protocols take."""
    return CompareAtOnce(*fields, **more) if tables is Tables.DCF else Compare(*fields, **more, tables=tables)


@dataclass(frozen=True)
class Whole:
    """All three results of a comparison as one array."""

    gate: Gate

    def deal(self, d: Any) -> Any:
        bits, products, value = self.gate.deal(d)
        return np.concatenate([bits, products, value[None]])

    def online(self, p: Any, *shares: Any) -> Any:
        bits, products, value = yield from self.gate.online(p, *shares)
        return np.concatenate([bits, products, value[None]])


@pytest.fixture
def run_gate(step_of_mpc: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run one gate on raw ring elements; `pick` chooses among several results."""

    def run(gate: Gate, x: np.ndarray, shape: tuple[int, ...], pick: int | None = None) -> np.ndarray:
        def implementation(e: Any, attrs: Any, share: Any) -> Any:
            result = yield from e.apply(gate, share)
            return result if pick is None else result[pick]

        monkeypatch.setattr("ppc.runtime.mpc.steps.protocol", lambda name: implementation)
        value = step_of_mpc("Gate", x.view(np.uint64), shape=shape, raw=True).value
        return np.asarray(value).view(np.int64)

    return run


@pytest.mark.parametrize("bits", [1, 16, 20, 34, 61])
def test_truncation_is_off_by_one_at_most(run_gate: Any, bits: int) -> None:
    rng = np.random.default_rng(bits)
    x = np.concatenate([EDGES, rng.integers(-(2**61), 2**61, 100_000), rng.integers(-(2**17), 2**17, 100_000)])
    difference = run_gate(Truncate(x.shape, bits), x, x.shape) - (x >> bits)
    assert set(np.unique(difference)) <= {0, 1}


@pytest.mark.parametrize("tables", Tables)
def test_comparison_is_exact_on_the_whole_ring(run_gate: Any, tables: Tables) -> None:
    thresholds = (0, 1, -1, 2**40, -(2**40) - 1)
    shape = (len(thresholds), *EDGES.shape)
    expected = EDGES[None] >= np.array(thresholds)[:, None]
    bits = run_gate(compare(tables, EDGES.shape, thresholds), EDGES, shape, 0)
    np.testing.assert_array_equal(bits, expected)
    products = run_gate(compare(tables, EDGES.shape, thresholds), EDGES, shape, 1)
    np.testing.assert_array_equal(products, expected * EDGES[None])


@pytest.mark.parametrize("tables", [Tables.LARGE, Tables.SMALL])
def test_comparison_of_more_values_than_a_block_holds(run_gate: Any, tables: Tables) -> None:
    random = np.random.default_rng(5)
    x = random.integers(-(2**62), 2**62, (3, fan.CACHED - 1), np.int64)
    limits = (-(2**61), 12345)
    got = run_gate(compare(tables, x.shape, limits), x, (2, *x.shape), 0)
    np.testing.assert_array_equal(got, [x >= t for t in limits])


@pytest.mark.parametrize("tables", Tables)
def test_values_of_a_plan_are_compared_in_fewer_bits(run_gate: Any, tables: Tables) -> None:
    """Exact below 2^46, which is 2^30 before the point; the value comes back into the whole ring."""
    rng = np.random.default_rng(0)
    x = np.concatenate([EDGES[np.abs(EDGES) < 2**46], rng.integers(-(2**46) + 1, 2**46, 5000)])
    gate = compare(tables, x.shape, (0,), width=NARROW)
    for pick, expected in enumerate(((x >= 0)[None], np.maximum(x, 0)[None], x)):
        np.testing.assert_array_equal(run_gate(gate, x, expected.shape, pick), expected)


@pytest.mark.parametrize("fan_in", range(2, 11))
@pytest.mark.parametrize("last", [False, True])
def test_fans_of_every_size(fan_in: int, last: bool, run_gate: Any) -> None:
    """All masks of small fans, and many of large ones: what is looked up and what is computed agree with the sum."""
    rng = np.random.default_rng(fan_in)
    gate = Fan(fan_in, last)
    equal, less = rng.integers(0, 2, (gate.width, 4000), np.uint8), rng.integers(0, 2, (fan_in, 4000), np.uint8)
    total, product = np.zeros(4000, np.uint8), np.ones(4000, np.uint8)
    for j in range(fan_in):
        total ^= less[j] & product
        product &= equal[j] if j < gate.width else 0
    found = run_gate(OfBits(gate, equal, less), np.zeros(4000, np.int64), (4000,))
    np.testing.assert_array_equal(found & 1, total)
    np.testing.assert_array_equal(found >> 1, np.zeros(4000) if last else product)


@pytest.mark.parametrize("tables", Tables)
@pytest.mark.parametrize("shift", [0, 1, 16, 20, 26])
def test_comparison_judges_the_truncated_value(run_gate: Any, shift: int, tables: Tables) -> None:
    """Truncated to one unit, and then compared exactly: what is below zero is never let through."""
    rng = np.random.default_rng(shift)
    x = np.concatenate([EDGES, rng.integers(-(2**61), 2**61, 500), rng.integers(-(2**28), 2**28, 500)])
    thresholds = (0, 1, -3)

    got = run_gate(Whole(compare(tables, x.shape, thresholds, True, shift)), x, (7, *x.shape))
    bits, products, value = got[:3], got[3:6], got[6]
    assert set(np.unique(value - (x >> shift))) <= {0, 1 if shift else 0}
    np.testing.assert_array_equal(bits, value[None] >= np.array(thresholds)[:, None])
    np.testing.assert_array_equal(products, bits * value[None])


@pytest.mark.parametrize("tables", Tables)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("candidates", [2, 3, 4])
@pytest.mark.parametrize("shift", [0, 20])
def test_maximum_of_near_ties(run_gate: Any, shift: int, candidates: int, relu: bool, tables: Tables) -> None:
    """Truncation rounds each candidate by itself; whoever then wins, exactly one does."""
    rng = np.random.default_rng(candidates)
    n = 200 if tables is Tables.DCF else 4000  # keys of ten pairs an element are much to deal
    x = rng.integers(-3 << shift, 3 << shift, (1, candidates, n))
    x[..., n // 2 :] = rng.integers(-(2**60), 2**60, (1, candidates, n // 2))
    won = run_gate(Maximum(1, candidates, n, shift, relu, tables), x, (1, n))[0]
    least = (x[0].max(axis=0) >> shift).clip(0 if relu else None)
    assert set(np.unique(won - least)) <= {0, 1 if shift else 0}


@pytest.mark.parametrize("candidates", [2, 3, 4])
def test_maximum_breaks_ties_to_the_first_and_carries_riders(run_gate: Any, candidates: int) -> None:
    rng = np.random.default_rng(candidates)
    keys = rng.integers(-2, 3, (candidates, 500))
    keys[:, :100] *= 2**45
    riders = np.broadcast_to(np.arange(candidates)[:, None], keys.shape)
    x = np.stack([keys, riders]).astype(np.int64)
    won = run_gate(Maximum(2, candidates, 500), x, (2, 500))
    np.testing.assert_array_equal(won, [keys.max(axis=0), keys.argmax(axis=0)])


@pytest.mark.parametrize("name", ROWS)
def test_a_table_is_right_at_every_cell_boundary(run_gate: Any, name: str) -> None:
    s = ROWS[name].spline
    starts = s.start + np.arange(1 << s.k) * 2.0**s.width
    x = np.round((starts[:, None] * 2.0**16 + np.arange(-40, 41)[None]).reshape(-1)).astype(np.int64)
    unit = max(1, round(s.unit * 2**16))
    x = x[(x >= round(s.start * 2**16) + 2 * unit) & (x <= round(s.end * 2**16) - 2 * unit)]
    x = np.tile(x, 4)
    got = run_gate(Lookup(s, x.shape, 16), x, x.shape) / 2.0**s.scale
    np.testing.assert_allclose(got, s.function(x / 2.0**16), atol=2.0**-10)
    assert coefficients(s).shape == (1 << s.k, s.degree + 1)


def test_what_is_dealt_of_a_table_is_the_function_from_every_mask() -> None:
    """c_top picks the cell that its mask hides, and u is counted from the masked place: f(x) whatever the mask."""
    s, random = ROWS["Gelu"].spline, np.random.default_rng(3)
    places = 1 << (s.k + s.g)
    x = random.integers(2, places - (1 << s.g), 3000)
    r = np.concatenate([[0, places - 1, (1 << s.g) - 1, 1 << s.g], random.integers(0, places, 2996)])
    c = ((x + r) % places).astype(np.uint64)
    row, u = picked(rotated(s, r.astype(np.uint64)), c >> np.uint64(s.g)), c & np.uint64((1 << s.g) - 1)
    got = polynomial(row, u).view(np.int64) / 2.0**s.scale
    assert np.abs(got - s.function(s.start + x * s.unit)).max() < 2.0**-12
    cell = (c >> np.uint64(s.g)).astype(np.int64) - (r >> s.g)
    alone = shifted(s, cell % (1 << s.k), (r % (1 << s.g)).astype(np.uint64))
    assert np.abs((row - alone).view(np.int64)).max() <= 4  # roundings of floating-point sums in another order


def test_the_exponential_is_right_over_its_range(run_gate: Any) -> None:
    x = np.tile(np.arange(-14 << 16, 0, 97, dtype=np.int64)[1:], 2)
    x = np.concatenate([x, [0, -1, -65536, -65537]])
    least = (-14 << 16) + 2
    gate = Guarded(x.shape, Powers(-14, 4), 16, 20, least, None)
    got = run_gate(gate, x, x.shape, 0) / 2.0**20
    np.testing.assert_allclose(got, np.exp(x / 2.0**16) * (x >= least), atol=2.0**-17, rtol=2.0**-15)


@pytest.mark.parametrize("tables", Tables)
@pytest.mark.parametrize("shift", [0, 20])
def test_a_guarded_table_is_zero_outside_its_limits(run_gate: Any, shift: int, tables: Tables) -> None:
    """Wherever the argument lies in the ring; and its tail is the argument itself, truncated."""
    s = ROWS["Tanh"].spline
    inside = np.linspace(-4 * 2**16, 3.75 * 2**16, 2000).astype(np.int64)
    x = np.concatenate([EDGES, inside << shift])
    lo, hi = -(4 << 16) + 2, (15 << 14) - 2
    gate = Guarded(x.shape, s, 16, 16, lo, hi, shift, True, tables)
    y = x >> shift
    got = run_gate(gate, x, x.shape, 0) / 2.0**16
    expected = np.tanh(y / 2.0**16) * ((y >= lo) & (y < hi))
    near = (abs(y - lo) <= 1) | (abs(y - hi) <= 1)  # a truncated argument may be one unit larger
    np.testing.assert_allclose(got[~near], expected[~near], atol=2.0**-10)
    tail = run_gate(gate, x, x.shape, 2)
    assert set(np.unique((tail - y * (y >= hi))[~near])) <= {0, 1 if shift else 0}


@pytest.mark.parametrize("lo", [6, 20, 40])
def test_windows_choose_the_table_of_the_octave(run_gate: Any, lo: int) -> None:
    """Cells narrower than a unit of the argument, about as wide, and far wider; zero beyond the ends."""
    hi = lo + 9
    x = np.unique(np.geomspace(2.0**lo, 2.0**hi - 1, 500).astype(np.int64))
    beyond = np.array([-(2**62), -1, 0, (1 << lo) - 1, 1 << hi, 2**61], np.int64)
    both = np.concatenate([x, beyond])
    gate = replace(windows(lambda s: 2.0**hi / s, lo, hi), shape=both.shape, bits=12)
    got = run_gate(gate, both, both.shape, 0) / 2.0**12
    np.testing.assert_allclose(got[: x.size], 2.0**hi / x, rtol=2.0**-10, atol=2.0**-11)
    assert not got[x.size :].any()
