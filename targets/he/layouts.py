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

    The digits that a stride leaves free may hold channels (multiplexed packing: Lee et al., ICML 2022), or the parts
    of a sum over a window. Channels in blocks may collect their sums in as many parts as the source has room for.
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
    lead = prod(geometry.out_shape[:2])
    inside = tuple(d for d in freed if d[1] < source.ring)
    found = list[Placement]()
    for block in _blocks(source, axes, tuple(space), lead):
        for channels in _channels(lead, block, source, inside):
            digits = (*channels, *space)
            if not injective(digits):
                continue
            found.append(Placement(digits, source.offset))
            found += [
                Placement(digits, source.offset, parts, fill=fill)
                for parts, fill in _parts(channels, tuple(space), source)
            ]
        if inside and injective(((lead, block), *space, *inside)):
            found.append(Placement(((lead, block), *space), source.offset, inside))
    return found


def _blocks(source: Packing, axes: list[Digits], space: Digits, lead: int) -> list[int]:
    """Strides from channel to channel: the source's own, those of its copies, and powers of two."""
    own = {s for axis in axes[:2] for _, s in axis} | {s for _, s in source.copies}
    wide = tuple(d for axis in axes[2:] for d in axis if d[1] < source.ring)
    found = {_block(max(reach(wide), reach(space)), source.ring)} | own
    ordered = sorted(space, key=lambda d: d[1])
    for i in range(1, len(ordered)):
        found.add(power_of_two_above(reach(tuple(ordered[:i]))))
    return sorted(b for b in found if lead == 1 or injective(((lead, b), *space)))


def _channels(lead: int, block: int, source: Packing, freed: Digits) -> list[Digits]:
    """Where the channels go, in blocks of one stride."""
    found: list[Digits] = [((lead, block),)]
    places = prod(e for e, _ in freed)
    if places > 1 and lead % places == 0 and lead > 1:
        rest = () if lead == places else ((lead // places, block),)
        found += [(*rest, *freed), (*freed, *rest)]
    period = source.period
    inner = 1
    while 2 * inner * block <= period < source.ring:
        inner *= 2
        if lead % inner == 0 and lead // inner > 1 and lead // inner * period <= source.ring:
            found.append(((lead // inner, period), (inner, block)))
    return list(dict.fromkeys(found))


def _parts(channels: Digits, space: Digits, source: Packing) -> list[tuple[Digits, bool]]:
    """Parts of the channels' sums: in blocks above the channels, within the source's period or round the ring."""
    extent, block = channels[-1]
    size = extent * block
    if size & (size - 1) or reach(space) > size:
        return []
    found = list[tuple[Digits, bool]]()
    for around in sorted({source.period, source.ring}):
        if size < around and (len(channels) == 1 or around == source.period < source.ring):
            found += [(((around // size, size),), False)]
            if len(channels) == 1:
                found += [(((around // size, size),), True)]
    return found


def injective(digits: Digits) -> bool:
    """True where no two elements share an address."""
    found = offsets(digits)
    return apart(found, int(found.max()) + 1)


def _block(size: int, ring: int) -> int:
    """Room for `size` slots: a power of two, or whole ciphertexts."""
    room = power_of_two_above(size)
    return room if room <= ring else -(-size // ring) * ring
