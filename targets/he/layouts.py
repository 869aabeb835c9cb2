"""Candidate layouts: of a value that enters HE, and of the result of a linear map."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing, power_of_two_above
from ppc.targets.he.placement import Placement


@dataclass(frozen=True, slots=True)
class Geometry:
    """A spatial operator as its layout sees it: one sample's shapes (n, channels, *space), and strides.

    `pool`: the windows of a pool that comes first (its strides are the same, powers of two, without padding).
    """

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    strides: tuple[int, ...]
    pool: tuple[int, ...] = ()


def entries(shape: tuple[int, ...], ring: int) -> list[Packing]:
    """Layouts for a value that enters HE: row-major, and with each channel on a power-of-two block."""
    found = [Packing.dense(prod(shape), ring)]
    if len(shape) >= 3:
        lead, area = prod(shape[:2]), prod(shape[2:])
        found.append(Packing.of(((lead, _block(area, ring)), (area, 1)), ring))
    return list(dict.fromkeys(found))


def placements(
    map: LinearMap, source: Packing, geometry: Geometry | None, alike: Iterable[Packing] = ()
) -> list[Placement]:
    """Candidate placements of a map's result. `alike`: packings of live values of the same size, so that a later
    addition finds both operands at the same places."""
    ring = source.ring
    direct = [Packing.dense(map.out_size, ring)]
    if geometry is not None:
        direct += _geometric(source, geometry)
    direct += [Packing.of(p.digits, ring, p.offset) for p in alike]
    found = [Placement("direct", packing=p) for p in dict.fromkeys(direct)]
    if geometry is not None and geometry.pool:
        found += _pooled(source, geometry)
    if map.entries > 4 * map.out_size and map.out_size <= source.period:
        rows = power_of_two_above(map.out_size)
        for h in (rows, 2 * rows, 4 * rows):
            if h <= source.period:
                found += [Placement("hybrid", h), Placement("window", h)]
        length = source.period // rows
        found += [Placement("inner", length >> i) for i in range(4) if length >> i > 1]
    return found


def _geometric(source: Packing, geometry: Geometry) -> list[Packing]:
    """Result (y, x) at the address of input (stride * y, stride * x), so that one shift serves a tap everywhere."""
    axes = source.by_axis(geometry.in_shape)
    if axes is None or any(len(a) > 1 for a in axes[2:]):
        return []
    space = []
    for extent, digits, stride in zip(geometry.out_shape[2:], axes[2:], geometry.strides, strict=True):
        if extent > 1 and not digits:
            return []
        space.append((extent, digits[0][1] * stride if digits else 1))
    lead = prod(geometry.out_shape[:2])
    # a channel may be no shorter than its extent, gaps included, in the input and in the result
    reach = max(_reach(tuple(d for a in axes[2:] for d in a)), _reach(tuple(space)))
    blocks = {_block(reach, source.ring)}
    blocks |= {s for a in axes[:2] for _, s in a if s >= reach}
    found = [Packing.of(((lead, b), *space), source.ring, source.offset) for b in sorted(blocks)]
    return [p for p in found if injective(p.digits)]


def _pooled(source: Packing, geometry: Geometry) -> list[Placement]:
    """The pool as rotate-and-adds after the products, where no element of a window meets another window's."""
    axes = source.by_axis(geometry.in_shape)
    targets = _geometric(source, geometry)
    if axes is None or not targets or any(len(a) != 1 for a in axes[2:]):
        return []
    phases = tuple((window, digits[0][1]) for window, digits in zip(geometry.pool, axes[2:], strict=True))
    return [
        Placement("pooled", packing=p, phases=phases, shape=geometry.in_shape)
        for p in targets
        if injective((*p.digits, *phases))
    ]


def injective(digits: tuple[tuple[int, int], ...]) -> bool:
    """True where no two elements share an address: every stride passes all that the smaller ones reach."""
    end = 0
    for extent, stride in sorted(digits, key=lambda d: d[1]):
        if extent > 1 and stride <= end:
            return False
        end += (extent - 1) * stride
    return True


def _reach(digits: tuple[tuple[int, int], ...]) -> int:
    return 1 + sum((extent - 1) * stride for extent, stride in digits)


def _block(size: int, ring: int) -> int:
    """Room for `size` slots: a power of two, or whole ciphertexts."""
    room = power_of_two_above(size)
    return room if room <= ring else -(-size // ring) * ring
