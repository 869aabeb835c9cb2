"""What a pass may ask of a target: can it run a node, what would that cost, how many levels does it take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ppc.ir.module import Module, Op
from ppc.ir.types import Domain


@dataclass(frozen=True, slots=True)
class Network:
    """The network between the parties, as the policy states it."""

    name: str = "lan"
    bandwidth: float = 10e9  # bits per second
    rtt: float = 0.0002  # seconds for a round trip

    def seconds(self, cost: "Cost") -> float:
        """Time of a cost on this network: computation, plus transfer, plus half a round trip a round."""
        return cost.seconds + 8 * cost.bytes / self.bandwidth + cost.rounds * self.rtt / 2


#: Bits of security of the HE parameters that are chosen; a policy that requires more has no HE.
HE_SECURITY_BITS = 128

#: Levels that must be left in a ciphertext when it leaves HE through shares (>= 100 bits of modulus).
EXIT_LEVEL = 1

LAN = Network("lan", 10e9, 0.0002)
WAN = Network("wan", 100e6, 0.040)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a node or a conversion costs for one pass over a batch. A vector: passes weigh it, targets do not."""

    seconds: float = 0.0  # computation of all parties on the critical path
    bytes: float = 0.0  # traffic while the input is waiting (online)
    rounds: float = 0.0  # sequential messages, each half a round trip
    offline_bytes: float = 0.0  # traffic of the dealer, ahead of the run
    memory: float = 0.0  # bytes that the machine that runs it holds for it: weights as it needs them, and results

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.seconds + other.seconds,
            self.bytes + other.bytes,
            self.rounds + other.rounds,
            self.offline_bytes + other.offline_bytes,
            self.memory + other.memory,
        )


@dataclass(frozen=True, slots=True)
class HeRung:
    """One choice of CKKS parameters: ring degree N, the most levels it can give, and what a slot holds."""

    degree: int
    levels: int
    batch: bool = False  # a slot holds one sample, and every element has ciphertexts of its own

    @property
    def slots(self) -> int:
        return self.degree // 2


class Target(Protocol):
    """One way to run nodes. Adding a target is a folder under `targets/` and a row in `targets.registry`."""

    @property
    def domain(self) -> Domain: ...

    def refuses(self, op: Op, module: Module) -> str | None:
        """Why this target cannot run `op` (what is missing), or None where it can."""
        ...

    def cost(self, op: Op, module: Module, rung: HeRung, level: int = 0) -> Cost:
        """Cost of `op` here for one pass, from counted primitives. `rung`, and the level at which operands are read,
        matter to HE only."""
        ...

    def depth(self, op: Op, module: Module) -> int:
        """HE levels that `op` consumes; 0 for every other target."""
        ...


class ConversionCosts(Protocol):
    """Cost of moving a value between domains."""

    def cost(
        self,
        source: Domain,
        target: Domain,
        value: str,
        module: Module,
        rung: HeRung,
        level: int | None = None,
        laid_out: int | None = None,
    ) -> Cost | None:
        """Cost, or None where there is no such conversion. `level`: at which the value arrives in HE (None: the rung's
        highest); from HE to HE is a refresh. `laid_out`: ciphertexts that the value takes (None: as few as can be)."""
        ...


Targets = Mapping[Domain, Target]
