"""CKKS parameters for a module: the smallest ring that gives the levels, the security and the precision.

Security: the largest moduli of the HomomorphicEncryption.org standard (2018) for a ternary secret and 128 bits
against classical attacks, the special prime included; SEAL enforces the same table.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, log2

from ppc.ir.diagnostic import UserError, fail
from ppc.targets.he.levels import Leveled, LevelPlan, plan_levels

SECURITY_BITS = 128
MODULUS_BITS = {4096: 109, 8192: 218, 16384: 438, 32768: 881}
LARGEST_PRIME = 60  # bits; SEAL's limit

#: Bits of modulus that a value needs to leave for shares, so that a uniform mask hides it (wrap risk 2^-40): the 100
#: that the parties insist on, and two more, because a prime "of 50 bits" may lie a little below 2^50.
SHARE_BITS = 102
#: Bits of a value's integer part where no range is known, and the head-room above it.
UNKNOWN_BITS, HEADROOM = 8, 2
#: Scales that are tried, from the finest. Flooding costs precision, so it may use the finest that a prime allows.
SCALES, FLOODED_SCALES = range(50, 27, -1), range(58, 27, -1)


@dataclass(frozen=True)
class Parameters:
    """What key generation and every step need to know."""

    degree: int
    prime_bits: tuple[int, ...]  # q_0 .. q_top, special
    scale_bits: int
    plan: LevelPlan
    flood_bits: dict[str, int] = field(default_factory=dict)  # of each value revealed with flooding

    @property
    def top(self) -> int:
        return len(self.prime_bits) - 2

    @property
    def slots(self) -> int:
        return self.degree // 2


@dataclass(frozen=True, slots=True)
class Demand:
    """What the parameters have to satisfy besides security."""

    integer_bits: int  # of the largest value that is decrypted
    flooding: bool  # some value is revealed with flooding

    @staticmethod
    def of(bounds: Sequence[float | None], flooding: bool) -> "Demand":
        """From the absolute bounds of the values that leave HE (None: not known)."""
        bits = [UNKNOWN_BITS if b is None else max(0, ceil(log2(max(b, 2.0**-20)))) for b in bounds]
        return Demand(max(bits, default=0), flooding)


def candidates(degree: int, steps: Sequence[Leveled], demand: Demand) -> Iterator[Parameters]:
    """Parameters at this degree that are secure and deep enough, finest scale first."""
    for scale in FLOODED_SCALES if demand.flooding else SCALES:
        found = chain(degree, scale, steps, demand)
        if sum(found.prime_bits) <= MODULUS_BITS[degree]:
            yield found


def chain(degree: int, scale: int, steps: Sequence[Leveled], demand: Demand) -> Parameters:
    """The primes that a scale asks for, whether secure at this degree or not."""
    exits = {step.exit for step in steps if step.exit}
    whole = scale + demand.integer_bits + HEADROOM
    first, exit_level = scale, dict[str, int]()
    if "reveal.he_to_client" in exits:
        first = min(LARGEST_PRIME, max(first, whole))
        exit_level["reveal.he_to_client"] = ceil(max(whole - first, 0) / scale)
    if "convert.he_to_mpc" in exits:
        if SHARE_BITS - scale <= LARGEST_PRIME:
            first = max(first, SHARE_BITS - scale)
        exit_level["convert.he_to_mpc"] = max(1, ceil((max(SHARE_BITS, whole) - first) / scale))
    plan = plan_levels(steps, lambda name: exit_level[name])
    special = max(first, scale)
    return Parameters(degree, (first, *[scale] * plan.top, special), scale, plan)


def nothing_fits(steps: Sequence[Leveled], demand: Demand, excess: float | None) -> UserError:
    """The error where no degree has parameters, with what was needed and what the largest has.

    `excess`: the smallest error that secure parameters reached, over what is allowed; None: there were none.
    """
    degree = max(MODULUS_BITS)
    coarsest = chain(degree, SCALES[-1], steps, demand)
    bits, have = sum(coarsest.prime_bits), MODULUS_BITS[degree]
    levels = coarsest.plan.top
    fitting = (have - coarsest.prime_bits[0] - coarsest.prime_bits[-1]) // SCALES[-1]
    if excess is None:
        why = (
            f"{levels} levels take {bits} bits of modulus at the coarsest scale of {SCALES[-1]} bits, "
            f"N = {degree} has {have} bits with 128-bit security ({fitting} levels)"
        )
    else:
        why = f"{levels} levels fit, but the error of a result may reach {excess:.3g} times what is allowed"
    advice = "place some nodes under mpc or tee, lower the degree of polynomials, or allow a larger error"
    if demand.flooding:
        advice += "; flooding costs about 40 bits of precision: let the result leave through shares instead"
    return fail(
        "PPC4101",
        f"no CKKS parameters fit the nodes under HE: {why}",
        facts={"levels needed": levels, "levels at N=32768": fitting, "bits needed": bits, "bits at N=32768": have},
        help=advice,
    )
