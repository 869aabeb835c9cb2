"""Fewer Galois keys for the same rotations, once the layouts are chosen.

- The taps of a convolution lie on both sides of a place, and rotations to both sides take a key each way. The owner of
  a value that enters HE can lay it out so many slots further that all taps lie ahead.
- In a value that repeats itself, a rotation backwards is one forwards: a full turn in equal steps takes one key.
"""

from dataclasses import replace

import numpy as np

from ppc.runtime.layout import offsets
from ppc.targets.he import keytree
from ppc.targets.he.diagonals import Lowered, cover
from ppc.targets.he.packing import Packing
from ppc.targets.he.select import Chosen


def with_fewer_keys(steps: tuple[Chosen, ...]) -> tuple[Chosen, ...]:
    """The same program: every step does the same work, and its results lie at the same places."""
    found = [step if step.lowered is None else replace(step, lowered=_turned(step.lowered)) for step in steps]
    for i, step in enumerate(found):
        readers = [j for j, other in enumerate(found) if step.result in other.operands]
        if step.kind != "enter" or len(readers) != 1:
            continue
        (reader,) = readers
        lowered = found[reader].lowered
        ahead = None if lowered is None else _ahead(lowered)
        if ahead is not None:
            found[i] = replace(step, packing=ahead.source)
            found[reader] = replace(found[reader], lowered=ahead)
    return tuple(found)


def _turned(lowered: Lowered) -> Lowered:
    """Babies and giants forwards or backwards, whichever takes the fewest keys."""
    others = ((True, False), (False, True), (False, False))
    return min((lowered, *map(lowered.cover.lowered, others)), key=keys)


def _ahead(lowered: Lowered) -> Lowered | None:
    """The map with its source moved so that no shift is negative; None where that saves no key or does not fit."""
    old = lowered.cover
    period = old.placed.modulus
    shifts = np.unique(old.shift % period)
    gaps = np.diff(np.append(shifts, shifts[0] + period))
    least = int(shifts[(int(np.argmax(gaps)) + 1) % len(shifts)])
    source = moved(old.source, -least % period)
    if old.pool is not None or source is None:
        return None
    found = cover(old.map, source, old.choice, shared=old.late)
    if found is None or found.out != old.out:
        return None
    new = _turned(found.lowered())
    work = new.rotations, new.products
    return new if work == (lowered.rotations, lowered.products) and keys(new) < keys(lowered) else None


def moved(packing: Packing, distance: int) -> Packing | None:
    """A packing so many slots further; None where an element or a copy would leave its ciphertext."""
    last = int((packing.addresses % packing.ring).max()) + int(offsets(packing.loose).max(initial=0))
    if last + distance >= packing.period:
        return None
    return replace(packing, offset=packing.offset + distance)


def keys(lowered: Lowered) -> int:
    """Galois keys that a map takes by itself."""
    terms = [(int(i), int(o), int(b), int(g)) for i, o, b, g in lowered.terms]
    sums = (*lowered.pre, *lowered.post)
    return len(keytree.choose(keytree.needed(terms), sums, lowered.out.ring))
