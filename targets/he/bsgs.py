"""Baby-step giant-step: write each shift as baby + giant so that few different ones remain.

Babies are rotations of an input ciphertext, shared by all outputs; giants are rotations of an output's partial sums,
shared by all inputs (Halevi and Shoup, CRYPTO 2014, for one dense matrix; here for any set of shifts).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

#: Bounds of the search; more of either found nothing on the networks tried.
MOST_MODULI, MOST_REFINED = 40, 6


@dataclass(frozen=True, slots=True)
class Split:
    """A split of every term's shift, modulo the period, and how many rotations it takes."""

    baby: Ints
    giant: Ints
    rotations: int


def split(ct_in: Ints, ct_out: Ints, shift: Ints, period: int) -> Split:
    """The best split found for terms (ct_in, ct_out, shift)."""
    distinct = np.unique(shift)
    gaps = np.diff(np.append(distinct, distinct[0] + period))
    start = int(distinct[(int(np.argmax(gaps)) + 1) % len(distinct)])
    e = (shift - start) % period
    best: tuple[int, int, Ints, Ints] | None = None
    for baby in _babies(ct_in, ct_out, e, period):
        found = _shifted(ct_in, ct_out, baby, e - baby + start, period)
        if best is None or found[:2] < best[:2]:
            best = found
    assert best is not None, "the candidates begin with modulus 1"
    return Split(best[2], best[3], best[0])


def _babies(ct_in: Ints, ct_out: Ints, e: Ints, period: int) -> Iterator[Ints]:
    """Candidate baby parts: e mod m, then e mod m + k * ((e div k) mod r) around the best m."""

    ins, outs = ct_in * period, ct_out * period
    sizes = int(ins.max()) + period, int(outs.max()) + period

    def count(baby: Ints) -> int:
        return _distinct(ins + baby, sizes[0]) + _distinct(outs + (e - baby) % period, sizes[1])

    values = np.unique(e)
    differences = np.unique(np.diff(values)) if len(values) > 1 else np.array([1])
    top = int(e.max()) + 1
    few = [*range(1, 34), *(1 << i for i in range(5, top.bit_length() + 1)), *differences.tolist(), top]
    moduli = [*sorted({m for m in few if 0 < m <= top})[:MOST_MODULI], top]
    scored = sorted((count(e % m), m) for m in set(moduli))
    strides = sorted({*differences.tolist(), *(1 << i for i in range(2, top.bit_length()))})[:16]
    refined = [(count(e % m), e % m) for _, m in scored[:MOST_REFINED]]
    for _, m in scored[:MOST_REFINED]:
        for k in strides:
            if k >= m:
                refined += [(count(b), b) for r in (2, 3) for b in (e % m + k * ((e // k) % r),)]
    refined.sort(key=lambda pair: pair[0])
    for _, baby in refined[:MOST_REFINED]:
        yield baby
        yield e - baby


def present(values: Ints, bound: int) -> Ints:
    """The different values in ascending order, all below `bound`: a table is faster than a sort here."""
    seen = np.zeros(bound, np.bool_)
    seen[values] = True
    return np.flatnonzero(seen)


def _distinct(values: Ints, bound: int) -> int:
    """How many different values there are."""
    seen = np.zeros(bound, np.bool_)
    seen[values] = True
    return int(np.count_nonzero(seen))


def _shifted(ct_in: Ints, ct_out: Ints, baby: Ints, giant: Ints, period: int) -> tuple[int, int, Ints, Ints]:
    """Move the origin between babies and giants so that as many as possible are zero, which costs no rotation."""
    giant = giant % period
    babies = np.unique(ct_in * period + baby % period)
    giants = np.unique(ct_out * period + giant)
    offsets, saved = np.unique(babies % period, return_counts=True)
    of_giant, saved_giant = np.unique((-giants) % period, return_counts=True)
    origins = np.union1d(offsets, of_giant)
    gain = np.zeros(len(origins), np.int64)
    gain[np.searchsorted(origins, offsets)] += saved
    gain[np.searchsorted(origins, of_giant)] += saved_giant
    origin = origins[int(np.argmax(gain))]
    b, g = (baby - origin) % period, (giant + origin) % period
    keys = len(np.union1d(np.unique(b), np.unique(g)))
    return len(babies) + len(giants) - int(gain.max()), keys, b, g
