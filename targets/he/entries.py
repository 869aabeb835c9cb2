"""Candidate layouts of a value that enters HE, made by its owner in clear: copies cost nothing there."""

from collections.abc import Iterator
from math import prod

from ppc.runtime.layout import Digits
from ppc.targets.he.digits import power_of_two_above, reach
from ppc.targets.he.outlook import Factors, Outlook
from ppc.targets.he.packing import Packing

#: More ciphertexts than this for one sample are not looked at, unless the value does not fit in fewer.
MOST_CIPHERTEXTS = 16


def entries(shape: tuple[int, ...], ring: int, outlook: Outlook | None = None) -> list[Packing]:
    """Layouts for a value that enters HE: row-major, in blocks of channels, spread out for a dense map, or in phases.

    A value with an outlook is repeated where there is room: for the rows or channels of the first map's result, and
    all the way round.
    """
    size = prod(shape)
    ahead = outlook or Outlook()
    found = [_round(((size, 1),), ring)]
    if len(shape) >= 3:
        lead, area = prod(shape[:2]), prod(shape[2:])
        found.append(_round(((lead, _block(area, ring)), (area, 1)), ring))
    if ahead.phases:
        space = shape[2:]
        for factors in dict.fromkeys(((1,) * len(space), *ahead.phases)):
            # a view may lie between: then the phases are those of another shape
            fits = len(factors) == len(space) and all(n % f == 0 for n, f in zip(space, factors, strict=True))
            if fits:
                found += _phased(shape, factors, ahead, ring)
    elif ahead.rows > 1:
        spread = power_of_two_above(ahead.rows)
        while spread > 1 and power_of_two_above(size * spread) > ring:
            spread //= 2
        if spread > 1:
            found.append(_round(((size, spread),), ring, ((spread, 1),)))
        found += _dealt(size, power_of_two_above(ahead.rows), ring)
    least = min(p.ciphertexts for p in found)
    return [p for p in dict.fromkeys(found) if p.ciphertexts <= max(least, MOST_CIPHERTEXTS)]


def _dealt(size: int, spread: int, ring: int) -> Iterator[Packing]:
    """Spread out over several ciphertexts: what these bring together by additions needs no rotation."""
    count = 2
    while count <= MOST_CIPHERTEXTS:
        if size % count == 0 and power_of_two_above(size // count * spread) <= ring:
            inner = _round(((size // count, spread),), ring, ((spread, 1),))
            yield Packing.of(((count, ring), (size // count, spread)), ring, 0, inner.copies)
        count *= 2


def _phased(shape: tuple[int, ...], factors: Factors, ahead: Outlook, ring: int) -> Iterator[Packing]:
    """Index i of an axis as f * j + p: row-major in j, phases p on blocks or on ciphertexts of their own."""
    space, lead = shape[2:], prod(shape[:2])
    grid = [extent // f for extent, f in zip(space, factors, strict=True)]
    for tight in (True, False):
        strides, area = list[int](), 1
        for extent in reversed(grid):
            strides.insert(0, area)
            area *= extent if tight else power_of_two_above(extent)
        block = area if tight else power_of_two_above(area)
        phases = prod(factors)
        inside = {ring // phases} if phases & (phases - 1) == 0 else set[int]()
        for region in sorted({ring} | inside):
            # in one ciphertext the phases go all the way round it; else each has ciphertexts of its own
            steps = [region * prod(factors[i + 1 :]) for i in range(len(factors))]
            digits = tuple(
                d for g, s, f, step in zip(grid, strides, factors, steps, strict=True) for d in ((g, s), (f, step))
            )
            yield from _channels(lead, block, digits, region, ring, ahead)


def _channels(lead: int, block: int, space: Digits, region: int, ring: int, ahead: Outlook) -> Iterator[Packing]:
    """Channels one block after another, and copies of all of them in the region that is left of a ciphertext."""
    used = lead * block
    if used > region:
        return
    if lead > 1:
        around = power_of_two_above(used)
        copies = ((region // around, around),) if around < region else ()
        yield Packing.of(((lead, block), *space), ring, 0, copies)
        return
    rows = min(ahead.rows, region // block)
    if block & (block - 1) == 0:
        rows = min(power_of_two_above(rows), region // block)
    inner: Digits = ((rows, block),)
    yield Packing.of(space, ring, 0, inner)
    if region == ring and ahead.dense > 1:
        for again in _again(reach((*inner, (block, 1))), region, power_of_two_above(ahead.dense)):
            yield Packing.of(space, ring, 0, (*inner, again))


def _again(used: int, region: int, height: int) -> Iterator[tuple[int, int]]:
    """Copies at odd multiples of height / k: modulo the height of a hybrid map they lie evenly, and save diagonals."""
    copies = 2
    while copies <= height:
        step = height // copies
        stride = -(-used // step) * step
        stride += step if stride // step % 2 == 0 else 0
        if copies * stride <= region:
            yield copies, stride
        copies *= 2


def _round(digits: Digits, ring: int, copies: Digits = ()) -> Packing:
    """Repeated with the shortest period that holds it, where it fits in one ciphertext."""
    period = power_of_two_above(reach((*digits, *copies)))
    again = ((ring // period, period),) if period < ring else ()
    return Packing.of(digits, ring, 0, (*copies, *again))


def _block(size: int, ring: int) -> int:
    """Room for `size` slots: a power of two, or whole ciphertexts."""
    room = power_of_two_above(size)
    return room if room <= ring else -(-size // ring) * ring
