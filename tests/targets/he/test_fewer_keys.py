"""A value that enters lies so that its reader's rotations go one way: fewer keys for the same work."""

import numpy as np
import pytest
from tests.targets.he.test_search import cryptonets, searched

from ppc.targets.he.fewer_keys import keys, moved, with_fewer_keys
from ppc.targets.he.packing import Packing
from ppc.targets.he.plan import plan_module
from ppc.targets.prices import Prices

RNG = np.random.default_rng(5)


def first_layer(steps):
    return next(s for s in steps if s.lowered is not None)


def test_a_padded_convolution_takes_two_keys_less(builder):
    found = searched(cryptonets(builder), 8192)
    before, after = first_layer(found.steps), first_layer(with_fewer_keys(found.steps))
    assert keys(after.lowered) == keys(before.lowered) - 2
    assert (after.lowered.rotations, after.lowered.products) == (before.lowered.rotations, before.lowered.products)
    assert after.packing == before.packing


def test_the_moved_map_is_the_same_map(builder):
    """Slot vectors of the moved layer, applied to the moved input, give the layer's result."""
    found = searched(cryptonets(builder), 8192)
    steps = with_fewer_keys(found.steps)
    enter = next(s for s in steps if s.kind == "enter")
    step = first_layer(steps)
    assert step.lowered.source == enter.packing and enter.packing.offset > 0
    x = RNG.normal(size=step.map.in_size)
    slots = enter.packing.layout.pack(x)
    total = np.zeros((step.packing.ciphertexts, step.packing.ring))
    for (i, o, b, g), row in zip(step.lowered.terms, step.lowered.diagonals(), strict=True):
        total[o] += np.roll(np.roll(slots[i], -b) * row, -g)
    for s in step.lowered.post:
        total += np.roll(total, -s, axis=1)
    y = (total + step.lowered.bias()).reshape(-1)[step.packing.addresses]
    assert y == pytest.approx(step.map.apply(x), abs=1e-9)


def test_plans_take_it(builder):
    program = plan_module(cryptonets(builder).module(), Prices.shipped().he)
    enter = next(s for s in program.steps if s.kind == "enter")
    assert enter.packing.offset > 0
    assert first_layer(program.steps).lowered.source == enter.packing


def test_no_move_beyond_the_end_of_a_ciphertext():
    packing = Packing.of(((60, 1),), 64)
    assert moved(packing, 4).addresses[-1] == 63
    assert moved(packing, 5) is None
    again = Packing.of(((10, 1),), 64, 0, ((4, 16),))  # repeated with period 16
    assert moved(again, 6).offset == 6
    assert moved(again, 7) is None


def test_a_full_turn_takes_one_key(builder):
    """CryptoNets' dense layer reads a value that repeats after 8 of its babies."""
    found = searched(cryptonets(builder), 8192)
    before, after = (
        [s.lowered for s in steps if s.lowered][1] for steps in (found.steps, with_fewer_keys(found.steps))
    )
    assert after.rotations == before.rotations
    assert keys(after) == keys(before) - 1
