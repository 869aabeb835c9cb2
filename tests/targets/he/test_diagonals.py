"""Any map, any placement: the diagonals compute the map, and what is called clean is clean."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ppc.targets.he.bsgs import split
from ppc.targets.he.diagonals import lower_map
from ppc.targets.he.digits import apart
from ppc.targets.he.entries import entries
from ppc.targets.he.graph import build
from ppc.targets.he.layouts import placements
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.outlook import Outlook
from ppc.targets.he.packing import Batching, Packing
from ppc.targets.he.placement import Placement
from ppc.targets.he.pooling import Pool, pooled
from ppc.targets.he.sample import Samples

RING = 64


def random_map(rng, rows, columns, density):
    pattern = rng.random((rows, columns)) < density
    pattern[rng.integers(rows), rng.integers(columns)] = True
    r, c = np.nonzero(pattern)
    return LinearMap(rows, columns, r, c, rng.normal(size=len(r)), rng.normal(size=rows))


def run(lowered, slots):
    """The he.linear of one sample, on virtual slots."""
    for step in lowered.pre:
        slots = slots + np.roll(slots, -step, axis=1)
    diagonals, out = lowered.diagonals(), np.zeros((lowered.out.ciphertexts, RING))
    for (ct_in, ct_out, baby, giant), diagonal in zip(lowered.terms, diagonals, strict=True):
        out[ct_out] += np.roll(np.roll(slots[ct_in], -baby) * diagonal, -giant)
    for step in lowered.post:
        out = out + np.roll(out, -step, axis=1)
    return out + lowered.bias()


def filled(rng, source, x):
    """A source's slots; what lies where no element does must not matter."""
    slots = rng.normal(size=(source.ciphertexts, RING))
    slots.reshape(-1)[source.layout.places()] = x
    return slots


def check(lowered, slots, expected):
    """Every copy of the result is right, and what is called clean is clean."""
    out = run(lowered, slots).reshape(-1)
    places = lowered.out.layout.places()
    np.testing.assert_allclose(out[places], np.broadcast_to(expected, places.shape), atol=1e-9)
    if lowered.out.clean:
        known = np.append(expected, 0.0)
        assert np.abs(out[:, None] - known).min(axis=1).max() < 1e-9
    return out


#: (rows' stride, parts) of a placement, for a step h or L.
PARTS = {
    "direct": lambda step: (1, ()),
    "hybrid": lambda step: (1, ((RING // step, step),)),
    "inner": lambda step: (step, ((step, 1),)),
    "blocks": lambda step: (step, ((2, RING // 2),)),
}


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    columns=st.integers(1, 100),
    density=st.sampled_from([0.05, 0.4, 1.0]),
    kind=st.sampled_from(sorted(PARTS)),
    how=st.sampled_from(["sum", "window", "fill"]),
    step=st.sampled_from([1, 2, 4, 8, 16, 32, 64]),
    stride=st.sampled_from([1, 2, 3]),
    copies=st.sampled_from([(), ((2, 32),), ((4, 16),), ((3, 21),), ((2, 32), (3, 5)), ((4, 1),), ((64, 1),)]),
)
def test_every_placement_computes_the_map(seed, rows, columns, density, kind, how, step, stride, copies):
    rng = np.random.default_rng(seed)
    map = random_map(rng, rows, columns, density)
    source = Packing.of(((columns, stride),), RING, int(rng.integers(5)), copies)
    places = source.layout.places()
    if len(np.unique(places)) < places.size or places.max() >= RING:
        source = Packing.of(((columns, stride),), RING, int(rng.integers(5)))
    row_stride, parts = PARTS[kind](step)
    digits = ((rows, stride if kind == "direct" else row_stride),)
    choice = Placement(digits, int(rng.integers(5)), parts, how == "window", how == "fill")
    lowered = lower_map(map, source, choice)
    if lowered is None:
        assert kind != "direct"
        return
    x = rng.normal(size=columns)
    check(lowered, filled(rng, source, x), map.apply(x))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    window=st.sampled_from([(1, 2), (2, 2), (2, 1)]),
    phased=st.booleans(),
    channels=st.integers(1, 2),
)
def test_sums_over_windows_before_a_map(seed, window, phased, channels):
    """A pool on row-major elements, and on phases that lie on blocks of their own all the way round."""
    rng = np.random.default_rng(seed)
    pool = Pool((1, channels, 4, 4), window)
    half = tuple(4 // w for w in window)
    digits = ((channels, 16), (4, 4), (4, 1))
    if phased:
        digits = ((channels, 8), (half[0], half[1]), (window[0], 16 * window[1]), (half[1], 1), (window[1], 16))
    source = Packing.of(digits, RING)
    if not apart(source.layout.places(), 2 * RING):
        return
    sums = pooled(source, pool)
    assert sums is not None
    map = random_map(rng, 5, pool.sums.out_size, 0.5)
    lowered = lower_map(map, source, Placement(((5, 1),)), sums)
    x = rng.normal(size=pool.sums.in_size)
    assert np.allclose(pool.sums.apply(x).sum(), x.sum())
    check(lowered, filled(rng, source, x), map.apply(pool.sums.apply(x)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    filters=st.integers(1, 4),
    stride=st.sampled_from([1, 2]),
    pad=st.integers(0, 1),
    groups=st.booleans(),
)
def test_every_layout_of_a_convolution_computes_it(builder, seed, filters, stride, pad, groups):
    """From each layout in which the client may send, to each placement that the search may choose."""
    rng = np.random.default_rng(seed)
    channels, group = (filters, filters) if groups else (1, 1)
    size = (4 + 2 * pad - 3) // stride + 1
    b = builder((1, channels, 4, 4))
    weight = b.weight(rng.normal(size=(filters, channels // group, 3, 3)))
    attrs = {"strides": (stride,) * 2, "pads": (pad,) * 4, "group": group}
    b.op("Conv", [b.last, weight], (1, filters, size, size), attrs)
    module = b.module()
    node = build(module, Samples(module))[1]
    x = rng.normal(size=node.map.in_size)
    for source in entries((1, channels, 4, 4), RING, Outlook(((stride, stride), (2, 2)), filters, 8)):
        for choice in placements(node.map, source, node.geometry):
            lowered = lower_map(node.map, source, choice)
            if lowered is not None:
                check(lowered, filled(rng, source, x), node.map.apply(x))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 40),
    columns=st.integers(1, 100),
    kind=st.sampled_from(["direct", "hybrid", "inner"]),
    clean=st.booleans(),
)
def test_reads_are_what_a_map_of_ones_counts(seed, rows, columns, kind, clean):
    """With 1 in every slot of every diagonal and in every slot in which something lies (or in every other), a result is
    the count."""
    rng = np.random.default_rng(seed)
    source = Packing.of(((columns, 1),), RING, clean=clean)
    stride, parts = PARTS[kind](8)
    lowered = lower_map(random_map(rng, rows, columns, 0.3), source, Placement(((rows, stride),), parts=parts))
    if lowered is None:
        return
    slots = np.full((source.ciphertexts, RING), 0.0 if clean else 1.0)
    slots.reshape(-1)[source.layout.places()] = 1.0

    def most(slots):
        out = np.zeros((lowered.out.ciphertexts, RING))
        for ct_in, ct_out, baby, giant in lowered.terms:
            out[ct_out] += np.roll(slots[ct_in], -baby - giant)
        for step in lowered.post:
            out = out + np.roll(out, -step, axis=1)
        return out.reshape(-1)[lowered.out.addresses].max()

    assert lowered.reads == (most(slots), most(1 - slots))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 16), columns=st.integers(1, 16))
def test_maps_of_periodic_inputs(seed, rows, columns):
    """Two dense layers in a row: the first leaves its result repeated, the second makes use of it."""
    rng = np.random.default_rng(seed)
    first, second = random_map(rng, columns, 20, 1.0), random_map(rng, rows, columns, 1.0)
    hybrid = PARTS["hybrid"](16)[1]
    one = lower_map(first, Packing.dense(20, RING), Placement(((columns, 1),), parts=hybrid))
    two = lower_map(second, one.out, Placement(((rows, 1),)))
    x = rng.normal(size=20)
    check(two, run(one, one.source.layout.pack(x)), second.apply(first.apply(x)))


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
