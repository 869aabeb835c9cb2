"""Candidate layouts of the result of a linear map."""

from collections.abc import Iterable
from math import prod

from ppc.runtime.layout import Digits, offsets
from ppc.targets.he.digits import apart, power_of_two_above, reach
from ppc.targets.he.geometry import Geometry, sampled
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing
from ppc.targets.he.placement import Placement

#: A map with more entries a row than this may be placed as a dense one.
SPARSE_ROW = 4


def placements(
    map: LinearMap, source: Packing, geometry: Geometry | None, alike: Iterable[Packing] = ()
) -> list[Placement]:
    """Candidate placements of a map's result. `alike`: packings of live values of the same size, so that a later
    addition finds both operands at the same places."""
    found = [Placement(((map.out_size, 1),))]
    found += [Placement(p.digits, p.offset) for p in alike]
    if geometry is not None:
        found += convolved(source, geometry)
    if map.entries > SPARSE_ROW * map.out_size:
        found += _dense(map.out_size, source)
    return list(dict.fromkeys(found))


def _dense(rows: int, source: Packing) -> list[Placement]:
    """The hybrid method with the height of the rows or more, and inner products of several lengths."""
    ring, period = source.ring, source.period
    height = power_of_two_above(rows)
    found = list[Placement]()
    for h in (height, 2 * height, 4 * height):
        if h <= period:
            parts = ((period // h, h),)
            found += [Placement(((rows, 1),), parts=parts), Placement(((rows, 1),), parts=parts, window=True)]
    longest = ring // height
    lengths = {longest >> i for i in range(3)} | {min(period, longest) >> i for i in range(3)}
    found += [Placement(((rows, n),), parts=((n, 1),)) for n in sorted(lengths) if n > 1]
    return found


def convolved(source: Packing, geometry: Geometry) -> list[Placement]:
    """Result (y, x) at the address of input (stride * y, stride * x), channels in several orders of blocks.

    The gaps between elements may hold channels (multiplexed packing: Lee et al., ICML 2022), or the parts of a sum
    over a window. Channels in blocks may collect their sums in as many parts as the source has room for.
    """
    axes = source.by_axis(geometry.in_shape)
    if axes is None:
        return []
    space, freed = list[tuple[int, int]](), list[tuple[int, int]]()
    for extent, digits, stride in zip(geometry.out_shape[2:], axes[2:], geometry.strides, strict=True):
        cut = sampled(digits, stride, extent)
        if cut is None:
            return []
        space += cut[0]
        freed += cut[1]
    lead = geometry.channels
    orders: dict[Digits, None] = {}
    if lead == prod(geometry.in_shape[:2]):
        orders[tuple(d for axis in axes[:2] for d in axis)] = None
    for block in _blocks(source, axes, tuple(space), lead):
        for held in held_in_gaps(tuple(space), block, lead, source.ring):
            orders |= dict.fromkeys((*high, *held) for high in _blocked(lead // _extent(held), block, source))
    found = list[Placement]()
    for channels in orders:
        digits = (*channels, *space)
        if injective(digits):
            found.append(Placement(digits, source.offset))
            found += [Placement(digits, source.offset, *parts) for parts in _parts(channels, tuple(space), source)]
    inside = tuple(d for d in freed if d[1] < source.ring)
    if inside:
        blocks = sorted({s for axis in axes[:2] for _, s in axis if s < source.ring})
        found += [Placement(((lead, b), *space), source.offset, inside) for b in blocks]
    return found


def _extent(digits: Digits) -> int:
    return prod(e for e, _ in digits)


def _blocks(source: Packing, axes: list[Digits], space: Digits, lead: int) -> list[int]:
    """Strides from channel to channel: the source's own, those of its copies, and powers of two."""
    own = {s for axis in axes[:2] for _, s in axis} | {s for _, s in source.copies}
    wide = tuple(d for axis in axes[2:] for d in axis if d[1] < source.ring)
    found = {_block(max(reach(wide), reach(space)), source.ring)} | own
    ordered = sorted(space, key=lambda d: d[1])
    for i in range(1, len(ordered)):
        found.add(power_of_two_above(reach(tuple(ordered[:i]))))
    return sorted(b for b in found if lead == 1 or injective(((2, b), *space)))


def held_in_gaps(space: Digits, block: int, lead: int, ring: int) -> list[Digits]:
    """Digits of channels in the gaps that strides have left between the elements of a block; () for none.

    As few as make the channels fit in as many ciphertexts, and twice as many. A gap is filled from its upper end,
    where the kernel's taps meet the fewest new shifts.
    """
    gaps, end = list[tuple[int, int]](), 1
    for extent, stride in sorted((d for d in space if d[1] < block), key=lambda d: d[1]):
        if stride > end and stride % end == 0:
            gaps.append((stride // end, end))
        end = stride * extent if stride % end == 0 else end
    options: list[Digits] = [()]
    for extent, stride in gaps:
        sizes = [f for f in (2, 4, 8, 16) if extent % f == 0 and lead % f == 0]
        options += [((f, stride * extent // f), *o) for o in options for f in sizes]
    options = [o for o in options if lead % _extent(o) == 0]
    counts = {o: -(-(lead // _extent(o)) * block // ring) for o in options}
    return [o for o in options if _extent(o) <= 2 * min(_extent(p) for p in options if counts[p] <= counts[o])]


def _blocked(lead: int, block: int, source: Packing) -> list[Digits]:
    """Channels in blocks of one stride, from one end to the other or the upper ones in the source's copies."""
    if lead == 1:
        return [()]
    found: list[Digits] = [((lead, block),)]
    period, inner = source.period, 2
    while inner * block <= period < source.ring:
        if lead % inner == 0 and lead // inner > 1 and lead // inner * period <= source.ring:
            found.append(((lead // inner, period), (inner, block)))
        inner *= 2
    return found


def _parts(channels: Digits, space: Digits, source: Packing) -> list[tuple[Digits, bool, bool]]:
    """(parts, window, fill) of the channels' sums: in blocks above them, within the source's period or round the ring.

    A channel digit with nothing between it and the end of the round is repeated there.
    """
    found = list[tuple[Digits, bool, bool]]()
    for around in sorted({source.period, source.ring}):
        below = tuple(d for d in (*channels, *space) if d[1] < around)
        if any(d[0] * d[1] > around for d in below) or not below:
            continue
        size = power_of_two_above(reach(below))
        if size < around and (around == source.ring or len(below) < len(channels) + len(space)):
            found.append((((around // size, size),), False, False))
            if around == source.ring:
                found.append((((around // size, size),), False, True))
    return found


def injective(digits: Digits) -> bool:
    """True where no two elements share an address."""
    found = offsets(digits)
    return apart(found, int(found.max()) + 1)


def _block(size: int, ring: int) -> int:
    """Room for `size` slots: a power of two, or whole ciphertexts."""
    room = power_of_two_above(size)
    return room if room <= ring else -(-size // ring) * ring
