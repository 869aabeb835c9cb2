"""Any map, any placement: the diagonals compute the map, and what is called clean is clean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc.targets.he.bsgs import split
from ppc.targets.he.diagonals import lower_map
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Batching, Packing
from ppc.targets.he.placement import Placement

RING = 64


def random_map(rng, rows, columns, density):
    pattern = rng.random((rows, columns)) < density
    pattern[rng.integers(rows), rng.integers(columns)] = True
    r, c = np.nonzero(pattern)
    return LinearMap(rows, columns, r, c, rng.normal(size=len(r)), rng.normal(size=rows))


def run(lowered, map, slots):
    """The he.linear of one sample, on virtual slots."""
    diagonals, out = lowered.diagonals(map), np.zeros((lowered.out.ciphertexts, RING))
    for (ct_in, ct_out, baby, giant), diagonal in zip(lowered.terms, diagonals, strict=True):
        out[ct_out] += np.roll(np.roll(slots[ct_in], -baby) * diagonal, -giant)
    for step in lowered.post:
        out = out + np.roll(out, -step, axis=1)
    return out + lowered.bias(map)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    columns=st.integers(1, 100),
    density=st.sampled_from([0.05, 0.4, 1.0]),
    kind=st.sampled_from(["direct", "hybrid", "window", "inner"]),
    step=st.sampled_from([1, 2, 4, 8, 16, 32, 64]),
    stride=st.sampled_from([1, 2, 3]),
)
def test_every_placement_computes_the_map(seed, rows, columns, density, kind, step, stride):
    rng = np.random.default_rng(seed)
    map = random_map(rng, rows, columns, density)
    source = Packing.of(((columns, stride),), RING, int(rng.integers(5)))
    target = Packing.of(((rows, stride),), RING, int(rng.integers(5)))
    lowered = lower_map(map, source, Placement(kind, step, target if kind == "direct" else None))
    if lowered is None:
        assert kind != "direct"
        return
    x = rng.normal(size=columns)
    slots = rng.normal(size=(source.ciphertexts, RING))  # what lies elsewhere must not matter
    slots.reshape(-1)[source.addresses] = x
    out = run(lowered, map, slots)
    expected = map.apply(x)
    np.testing.assert_allclose(out.reshape(-1)[lowered.out.addresses], expected, atol=1e-9)
    copies = out.reshape(-1)[(lowered.out.addresses + lowered.out.period) % out.size]
    if lowered.out.ciphertexts == 1:
        np.testing.assert_allclose(copies, expected, atol=1e-9)
    if lowered.out.clean:
        known = np.append(expected, 0.0)
        assert np.abs(out.reshape(-1)[:, None] - known).min(axis=1).max() < 1e-9


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    columns=st.integers(1, 100),
    kind=st.sampled_from(["hybrid", "window", "inner"]),
    clean=st.booleans(),
)
def test_reads_are_what_a_map_of_ones_counts(seed, rows, columns, kind, clean):
    """With 1 in every slot of every diagonal and in every slot in which something lies, a result is the count."""
    rng = np.random.default_rng(seed)
    source = Packing.of(((columns, 1),), RING, clean=clean)
    lowered = lower_map(random_map(rng, rows, columns, 0.3), source, Placement(kind, 8, None))
    if lowered is None:
        return
    slots = np.full((source.ciphertexts, RING), 0.0 if clean else 1.0)
    for copy in range(RING // source.period):
        slots.reshape(-1)[(source.addresses + copy * source.period) % slots.size] = 1.0
    out = np.zeros((lowered.out.ciphertexts, RING))
    for ct_in, ct_out, baby, giant in lowered.terms:
        out[ct_out] += np.roll(slots[ct_in], -baby - giant)
    for step in lowered.post:
        out = out + np.roll(out, -step, axis=1)
    assert lowered.reads == out.reshape(-1)[lowered.out.addresses].max()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 16), columns=st.integers(1, 16))
def test_maps_of_periodic_inputs(seed, rows, columns):
    """Two dense layers in a row: the first leaves its result repeated, the second makes use of it."""
    rng = np.random.default_rng(seed)
    first, second = random_map(rng, columns, 20, 1.0), random_map(rng, rows, columns, 1.0)
    one = lower_map(first, Packing.dense(20, RING), Placement("hybrid", 16))
    two = lower_map(second, one.out, Placement("hybrid", 16))
    x = rng.normal(size=20)
    out = run(two, second, run(one, first, one.source.layout.pack(x)))
    np.testing.assert_allclose(out.reshape(-1)[two.out.addresses], second.apply(first.apply(x)), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60))
def test_split_keeps_every_shift(seed, count):
    rng = np.random.default_rng(seed)
    shift = np.sort(rng.choice(RING, size=min(count, RING), replace=False))
    ct_in, ct_out = rng.integers(2, size=len(shift)), rng.integers(2, size=len(shift))
    found = split(ct_in, ct_out, shift, RING)
    assert np.array_equal((found.baby + found.giant) % RING, shift)
    babies = {p for p in zip(ct_in, found.baby, strict=True) if p[1]}
    giants = {p for p in zip(ct_out, found.giant, strict=True) if p[1]}
    assert found.rotations == len(babies) + len(giants)


@pytest.mark.parametrize(("diagonals", "most"), [(16, 6), (64, 14), (100, 18), (128, 22)])
def test_a_run_of_shifts_takes_two_square_roots(diagonals, most):
    zero = np.zeros(diagonals, np.int64)
    assert split(zero, zero, np.arange(diagonals), 4096).rotations <= most


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), density=st.sampled_from([0.1, 1.0]))
def test_composition(seed, density):
    rng = np.random.default_rng(seed)
    inner, outer = random_map(rng, 7, 9, density), random_map(rng, 5, 7, density)
    x = rng.normal(size=9)
    np.testing.assert_allclose(inner.then(outer).apply(x), outer.apply(inner.apply(x)), atol=1e-12)


def test_composition_keeps_entries_that_cancel():
    inner = LinearMap(2, 1, np.array([0, 1]), np.array([0, 0]), np.array([1.0, 1.0]), np.zeros(2))
    outer = LinearMap(1, 2, np.array([0, 0]), np.array([0, 1]), np.array([1.0, -1.0]), np.zeros(1))
    assert inner.then(outer).entries == 1


@pytest.mark.parametrize(("batch", "largest", "samples", "groups"), [(1, 100, 1, 1), (16, 100, 16, 1), (6, 1600, 2, 3)])
def test_batching(batch, largest, samples, groups):
    found = Batching.choose(4096, batch, largest)
    assert (found.samples, found.groups) == (samples, groups)
    layout = found.layout(Packing.dense(largest, found.ring))
    assert layout.size == batch * largest
    assert len(np.unique(layout.addresses())) == batch * largest
