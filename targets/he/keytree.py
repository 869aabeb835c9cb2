"""Few Galois keys for many rotations: a step without a key is reached over other steps that are needed anyway.

A set of rotations (the babies of one input, the giants of one output) is walked from 0 along keys, through members of
the set only (`ppc.runtime.he.linear_order.rotation_tree`), so the number of rotations stays the same: a key saves
nothing but its own making, sending and keeping. An arithmetic progression takes one key. Each hop adds the noise of
one key switch, so chains are bounded.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

#: Longest chain of rotations. The noise of a chain grows with its root.
MOST_HOPS = 8
#: Candidate keys that are tried in each round: the differences that occur most often.
MOST_CANDIDATES = 48

Steps = frozenset[int]


def needed(terms: Iterable[tuple[int, int, int, int]]) -> list[Steps]:
    """The sets of rotations that a step makes: babies by input ciphertext, giants by output ciphertext."""
    sets: dict[tuple[str, int], set[int]] = {}
    for ct_in, ct_out, baby, giant in terms:
        sets.setdefault(("in", ct_in), set()).add(baby)
        sets.setdefault(("out", ct_out), set()).add(giant)
    return sorted({frozenset(s) - {0} for s in sets.values()} - {frozenset()}, key=sorted)


def choose(sets: Sequence[Steps], fixed: Iterable[int], slots: int) -> Steps:
    """Keys that reach every step of every set; `fixed` (post-sums) are among them. Greedy, and the same every time."""
    keys = set(fixed) - {0}
    while True:
        missing = [(s, set(s - reach(s, keys, slots).keys())) for s in sets]
        missing = [(s, m) for s, m in missing if m]
        if not missing:
            return frozenset(keys)
        common: Counter[int] = Counter()
        for s, m in missing:
            for target in m:
                common.update((target - origin) % slots for origin in (0, *s) if origin != target)
        tried = sorted(common, key=lambda step: (-common[step], step))[:MOST_CANDIDATES]
        lone = min(min(m) for _, m in missing)  # a key of its own always makes progress
        found = {k: [(m, reach(s, keys | {k}, slots)) for s, m in missing] for k in {*tried, lone}}
        keys.add(min(found, key=lambda step: (*_worth(found[step]), step)))


def _worth(found: list[tuple[set[int], dict[int, int]]]) -> tuple[int, int]:
    """More of what was missing is better; then shorter chains, which have less noise and can run at the same time."""
    gain = sum(len(missing & hops.keys()) for missing, hops in found)
    return -gain, sum(hops[step] for missing, hops in found for step in missing & hops.keys())


def reach(wanted: Steps, keys: Iterable[int], slots: int) -> dict[int, int]:
    """The members of `wanted` that chains of keys reach from 0 through members, and in how many hops."""
    single = sorted(keys)
    reached, edge = dict[int, int](), {0}
    for hops in range(1, MOST_HOPS + 1):
        edge = {(at + key) % slots for at in edge for key in single} & wanted - reached.keys()
        if not edge:
            break
        reached |= dict.fromkeys(edge, hops)
    return reached
