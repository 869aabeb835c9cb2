"""CKKS parameters for a program: levels, primes and scales of the smallest ring that is secure and precise enough.

Security: the largest moduli of the HomomorphicEncryption.org standard (2018) for a ternary secret and 128 bits
against classical attacks, the special prime included; SEAL enforces the same table. Primes are few and large: a key
switch costs the square of their number. A special prime that is larger than the others divides its noise by as much.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations, product

from ppc.ir.diagnostic import UserError, fail
from ppc.ir.module import Op
from ppc.runtime.levels import Chain
from ppc.targets.he.graph import masks
from ppc.targets.he.levels import Leveled, LevelPlan, plan_levels
from ppc.targets.he.scales import Bounded, ScalePlan, plan_scales

MODULUS_BITS = {4096: 109, 8192: 218, 16384: 438, 32768: 881}
LARGEST_PRIME = 60  # bits; SEAL's limit

#: Bits of modulus that a value needs to leave for shares, so that a uniform mask hides it (wrap risk 2^-40): the 100
#: that the parties insist on, and two more, because a prime "of 50 bits" may lie a little below 2^50.
SHARE_BITS = 102
#: Smallest primes that are tried: below, too few are 1 mod 2N, and their sizes differ too much.
SMALLEST_FIRST, SMALLEST_PRIME = 34, 34
#: Sizes that are tried below the largest that the modulus has room for; each lets the special prime grow.
MOST_SIZES = 5
#: Bits of a value that a linear map reads, and how many more for each level further down.
WATERLINES, SLOPES = range(18, 42, 2), (0.0, 2.0, 4.0, 6.0)
#: A flooded value has to be FLOOD_SECURITY bits more precise than is asked.
FLOODED_WATERLINES = range(30, 74, 2)
#: Levels at which a value may leave: a value needs room for itself alone, or for what masks it.
EXIT_LEVELS = {False: (0, 1), True: (1, 2)}  # by `graph.masks`


@dataclass(frozen=True)
class Parameters:
    """What key generation and every step need to know."""

    degree: int
    prime_bits: tuple[int, ...]  # q_0 .. q_top, special
    plan: LevelPlan
    waterlines: tuple[float, ...]  # bits of what a linear map reads, by level
    scales: ScalePlan
    chain: Chain
    flood_bits: dict[str, int] = field(default_factory=dict)  # of each value revealed with flooding
    hidden_bits: dict[str, int] = field(default_factory=dict)  # of each value revealed under a mask

    @property
    def top(self) -> int:
        return len(self.prime_bits) - 2

    @property
    def slots(self) -> int:
        return self.degree // 2


def depths(steps: Sequence[Leveled]) -> Iterator[LevelPlan]:
    """Level plans: a deeper one only where it gives more precision."""
    for eager in (False, True):
        for extra in (0, 1):
            found = plan_levels(steps, partial(exit_level, extra=extra), eager)
            if eager and found.rescaled == plan_levels(steps, exit_level).rescaled:
                return  # no map before a product
            yield found


def exit_level(op: Op, extra: int = 0) -> int:
    """The level at which a value leaves by this step."""
    return EXIT_LEVELS[masks(op)][extra]


def chains(degree: int, plan: LevelPlan, steps: Sequence[Leveled]) -> Iterator[tuple[int, ...]]:
    """Secure prime sizes for a level plan."""
    budget = MODULUS_BITS[degree]
    for first in range(LARGEST_PRIME, SMALLEST_FIRST - 1, -2):
        found, largest = 0, 0
        for inner in range(LARGEST_PRIME, SMALLEST_PRIME - 1, -1) if plan.top else (0,):
            if found and (inner - largest) % 2:
                continue
            data = (first, *[inner] * plan.top)
            special = min(LARGEST_PRIME, budget - sum(data))
            if special < max(data) or not _hides(data, plan, steps):
                continue
            yield (*data, special)
            largest = inner if not found else largest
            found += 1
            if found == MOST_SIZES:
                break


def candidates(degree: int, steps: Sequence[Bounded], plan: LevelPlan, flooding: bool) -> Iterator[Parameters]:
    """All that is secure at these levels and leaves every value room."""
    for bits in chains(degree, plan, steps):
        for waterline in FLOODED_WATERLINES if flooding else WATERLINES:
            for slope in SLOPES:
                waterlines = tuple(waterline + slope * (plan.top - level) for level in range(plan.top + 1))
                found = parameters(degree, steps, plan, bits, waterlines)
                if found is not None:
                    yield found


def neighbours(steps: Sequence[Bounded], best: Parameters) -> Iterator[Parameters]:
    """One waterline a bit higher or lower, or a bit of one prime given to another."""
    for level, by in product(range(best.top + 1), (1, -1)):
        waterlines = tuple(w + by * (i == level) for i, w in enumerate(best.waterlines))
        yield from _maybe(parameters(best.degree, steps, best.plan, best.prime_bits, waterlines))
    for a, b in permutations(range(len(best.prime_bits)), 2):
        bits = tuple(p + (i == a) - (i == b) for i, p in enumerate(best.prime_bits))
        if max(bits) <= LARGEST_PRIME and bits[-1] == max(bits) and _hides(bits, best.plan, steps):
            yield from _maybe(parameters(best.degree, steps, best.plan, bits, best.waterlines))


def _maybe(found: Parameters | None) -> tuple[Parameters, ...]:
    return () if found is None else (found,)


def _hides(bits: tuple[int, ...], plan: LevelPlan, steps: Sequence[Leveled]) -> bool:
    """True where what leaves for shares has a modulus that hides it."""
    return all(sum(bits[: level + 1]) >= SHARE_BITS for level in _share_levels(steps, plan))


def _share_levels(steps: Sequence[Leveled], plan: LevelPlan) -> set[int]:
    return {at for step, at in zip(steps, plan.run, strict=True) if masks(step.op)}


def parameters(
    degree: int, steps: Sequence[Bounded], plan: LevelPlan, bits: tuple[int, ...], waterlines: tuple[float, ...]
) -> Parameters | None:
    """With the scales of these primes; None where a value does not fit, or there are not so many primes of a size."""
    try:
        chain = Chain.of(degree, bits)
    except ValueError:
        return None
    scales = plan_scales(steps, plan, chain, waterlines)
    return None if scales is None else Parameters(degree, bits, plan, waterlines, scales, chain)


def fits(degree: int, steps: Sequence[Leveled]) -> bool:
    """True where some chain at this degree has enough levels."""
    return any(next(chains(degree, plan, steps), None) is not None for plan in depths(steps))


def nothing_fits(steps: Sequence[Leveled], flooding: bool, excess: float | None) -> UserError:
    """The error where no degree has parameters, with what was needed and what the largest has.

    `excess`: the smallest error that secure parameters reached, over what is allowed; None: there were none.
    """
    degree = max(MODULUS_BITS)
    have, levels = MODULUS_BITS[degree], next(depths(steps)).top
    bits = SMALLEST_FIRST + (levels + 1) * SMALLEST_PRIME
    fitting = (have - SMALLEST_FIRST) // SMALLEST_PRIME - 1
    if excess is None:
        why = (
            f"{levels} levels take {bits} bits of modulus in primes of {SMALLEST_PRIME} bits, "
            f"N = {degree} has {have} bits with 128-bit security ({fitting} levels)"
        )
    else:
        why = f"{levels} levels fit, but the error of a result may reach {excess:.3g} times what is allowed"
    advice = "place some nodes under mpc or tee, lower the degree of polynomials, or allow a larger error"
    if flooding:
        advice += "; flooding costs about 40 bits of precision: let the result leave through shares instead"
    facts: Mapping[str, int] = {
        "levels needed": levels,
        "levels at N=32768": fitting,
        "bits needed": bits,
        "bits at N=32768": have,
    }
    return fail("PPC4101", f"no CKKS parameters fit the nodes under HE: {why}", facts=facts, help=advice)
