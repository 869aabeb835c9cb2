"""Galois keys: few, and every rotation is reached the way the engine walks."""

import numpy as np
import pytest

from ppc.runtime.he.linear_order import rotation_tree
from ppc.targets.he import keytree

SLOTS = 4096


def test_a_progression_takes_one_key_for_each_chain():
    assert keytree.choose([frozenset(range(3, 25, 3))], (), SLOTS) == {3}


def test_post_sums_keep_keys_of_their_own():
    assert keytree.choose([], [64, 128, 0], SLOTS) == {64, 128}


@pytest.mark.parametrize("seed", range(6))
def test_every_rotation_is_reached_in_as_many_rotations(seed):
    rng = np.random.default_rng(seed)
    sets = [frozenset(rng.integers(1, SLOTS, 9).tolist()), frozenset(range(64, 64 * 20, 64)), frozenset({4095, 4094})]
    keys = keytree.choose(sets, [2], SLOTS)
    assert keys == keytree.choose(sets, [2], SLOTS)
    assert len(keys) < len(frozenset().union(*sets)) - 10
    for wanted in sets:
        tree = rotation_tree(wanted, keys, SLOTS)
        assert {step for step, _, _ in tree} == wanted and len(tree) == len(wanted)
        assert all(key in keys and (parent + key) % SLOTS == step for step, parent, key in tree)


def test_of_as_few_keys_the_shorter_chains():
    """Both sides of 0 get a key: half the chain of one key for each step and one that jumps across."""
    wanted = frozenset({128 * k % SLOTS for k in range(-3, 5)} - {0})
    keys = keytree.choose([wanted], (), SLOTS)
    assert len(keys) == 2
    assert max(keytree.reach(wanted, keys, SLOTS).values()) <= 4
