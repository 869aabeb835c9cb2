"""The order of a linear step's work, on sets of integers instead of ciphertexts."""

import random
from collections import Counter

import pytest

from ppc.runtime.he.linear_order import Finish, Merge, Multiply, Turn, TurnSum, most_alive, order

SLOTS = 64
KEYS = frozenset({1, 8})


def layers():
    chance = random.Random(0)
    for babies, giants, ins, outs in [(8, 2, 1, 1), (2, 6, 1, 3), (5, 5, 3, 2), (1, 1, 4, 4), (8, 8, 1, 1)]:
        steps = [
            (i, o, b, 8 * g) for o in range(outs) for g in range(giants) for i in range(ins) for b in range(babies)
        ]
        yield steps
        yield [t for t in steps if t[2] == t[3] == 0 or chance.random() < 0.8 or t[2] * t[3] == 0]


def execute(operations, order_of_ids):
    """Which (input, rotation, term) products each output holds, and how often; the most values alive."""
    turned, sums, done = {}, {}, {}
    readers = Counter()
    for op in operations:
        readers.update(
            [op.of] if isinstance(op, Turn) else {b for b, _ in op.pairs} if isinstance(op, Multiply) else []
        )
    alive = most = 0
    for i in order_of_ids:
        op = operations[i]
        if isinstance(op, Turn):
            at = turned[op.of] if op.of[1] else 0
            turned[op.made] = (at + op.key) % SLOTS
            assert turned[op.made] == op.made[1]
        elif isinstance(op, Multiply):
            for (ct, b), t in op.pairs:
                assert b == 0 or turned[ct, b] == b
                sums.setdefault(op.sum, Counter())[t, 0] += 1
        elif isinstance(op, TurnSum):
            sums[op.sum] = Counter({(t, (s + op.key) % SLOTS): n for (t, s), n in sums[op.sum].items()})
        elif isinstance(op, Merge):
            sums.setdefault(op.into, Counter()).update(sums.pop(op.sum))
        else:
            done[op.output] = sums.pop((op.output, 0), Counter())
        most = max(most, len(turned) + len(sums) + 1)
        for b in {op.of} if isinstance(op, Turn) else {b for b, _ in op.pairs} if isinstance(op, Multiply) else set():
            readers[b] -= 1
            if not readers[b] and b[1]:
                del turned[b]
    assert not sums and not turned and alive == 0
    return done, most


def random_order(operations, seed):
    """Any order that the operations allow, as many threads would make it."""
    chance, done, out = random.Random(seed), set(), []
    while len(out) < len(operations):
        ready = [i for i, op in enumerate(operations) if i not in done and op.after <= done]
        out.append(chance.choice(ready))
        done.add(out[-1])
    return out


@pytest.mark.parametrize("terms", list(layers()))
def test_every_term_reaches_its_output_once_with_its_giant_rotation(terms):
    outs = 1 + max(t[1] for t in terms)
    for threads in (1, 2, 7):
        operations = order(terms, outs, KEYS, SLOTS, threads)
        assert all(before < i for i, op in enumerate(operations) for before in op.after)
        for ids in (range(len(operations)), random_order(operations, threads), random_order(operations, 99)):
            done, most = execute(operations, ids)
            assert done == {
                o: Counter({(t, g % SLOTS): 1 for t, (_, at, _, g) in enumerate(terms) if at == o}) for o in range(outs)
            }
            if threads == 1 and isinstance(ids, range):
                assert most <= most_alive(operations)


def test_few_are_alive():
    many = [(0, 0, b, g) for b in range(8) for g in (0, 8)]
    # two sums grow while eight babies pass in blocks; two blocks may be under way
    assert most_alive(order(many, 1, KEYS, SLOTS)) <= 8
    few = [(0, o, b, g) for o in range(20) for b in range(2) for g in (0, 8)]
    # one baby stays; forty sums come one after another
    assert most_alive(order(few, 20, KEYS, SLOTS)) <= 4


def test_a_layer_without_terms_only_finishes():
    assert order([], 2, KEYS, SLOTS) == [Finish(0, frozenset()), Finish(1, frozenset())]
