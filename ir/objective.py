"""What a plan is to be best in: a weighting of measures of its cost, over one run or one run with its preparation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ppc.ir.target import Cost, Network
from ppc.ir.types import Domain

#: What can be asked for, and in which unit a weight of 1 counts it. Throughput is the time for which a pass keeps
#: machines and links busy: while it waits for a message, another pass may run.
MEASURES: Mapping[str, str] = {"latency": "s", "throughput": "s", "traffic": "B", "money": "$"}

#: Of the dealer's traffic, what counts in `online` latency: it is made ahead, but not for nothing.
AHEAD = 0.05
#: Passes that carry one set-up (keys, attestation) where only the online part is to be small.
PASSES_PER_SETUP = 100
#: What a second counts where traffic or money is asked for: of two plans alike in these, the faster one is taken.
SECOND = {"traffic": 1e-3, "money": 1e-9}


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a provider charges, in one currency."""

    cpu_hour: float = 0.05  # a core for an hour
    gigabyte: float = 0.09  # 1e9 bytes sent
    tee_hour: float = 0.07  # a core for an hour inside an enclave


@dataclass(frozen=True, slots=True)
class Objective:
    """Minimise the sum of measures times weights.

    `total`: the dealer's material counts in full, and so does the set-up of the session; else the online part counts.
    """

    weights: tuple[tuple[str, float], ...] = (("latency", 1.0),)
    total: bool = False
    tariff: Tariff = field(default_factory=Tariff)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.weights]
        if not names or len(set(names)) < len(names) or not set(names) <= set(MEASURES):
            raise ValueError(f"an objective weighs {', '.join(MEASURES)}, each once, not {names}")
        if not all(0 < weight < float("inf") for _, weight in self.weights):
            raise ValueError("weights are positive numbers")

    def __str__(self) -> str:
        """As `Objective.parse` reads it: `latency`, `total money`, `latency=1,money=20`."""
        if len(self.weights) == 1 and self.weights[0][1] == 1.0:
            said = self.weights[0][0]
        else:
            said = ",".join(f"{name}={weight:g}" for name, weight in self.weights)
        return f"total {said}" if self.total else said

    @staticmethod
    def parse(text: str, tariff: Tariff | None = None) -> "Objective":
        """Raises ValueError."""
        words = text.split()
        total = words[:1] == ["total"]
        items = [item.partition("=") for item in "".join(words[total:]).split(",")]
        weights = tuple((name, float(weight) if equals else 1.0) for name, equals, weight in items)
        return Objective(weights, total, tariff or Tariff())

    @property
    def unit(self) -> str:
        """Of a value; "" for a weighting of different things."""
        units = {MEASURES[name] for name, _ in self.weights}
        plain = len(units) == 1 and all(weight == 1.0 for _, weight in self.weights)
        return units.pop() if plain else ""

    @property
    def passes_per_setup(self) -> int:
        return 1 if self.total else PASSES_PER_SETUP

    def value(self, cost: Cost, network: Network, domain: Domain | None = None) -> float:
        """Of one cost that arises in `domain` (None: on the way between two)."""
        return sum(weight * self._measured(name, cost, network, domain) for name, weight in self.weights)

    def _measured(self, name: str, cost: Cost, network: Network, domain: Domain | None) -> float:
        latency = network.seconds(cost)
        match name:
            case "latency":
                ahead = 1.0 if self.total else AHEAD
                return latency + ahead * 8 * cost.offline_bytes / network.bandwidth
            case "throughput":
                return cost.seconds + 8 * (cost.bytes + cost.offline_bytes) / network.bandwidth
            case "traffic":
                ahead = cost.offline_bytes if self.total else 0.0
                return cost.bytes + ahead + SECOND["traffic"] * latency
            case _:
                hour = self.tariff.tee_hour if domain is Domain.TEE else self.tariff.cpu_hour
                sent = cost.bytes + (cost.offline_bytes if self.total else 0.0)
                return cost.seconds / 3600 * hour + sent / 1e9 * self.tariff.gigabyte + SECOND["money"] * latency
