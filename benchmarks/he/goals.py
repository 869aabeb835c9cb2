"""What is asked of each network: a number, its limit, and whether it holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Times of the experiment, or of the network that one is to be like.
BESIDE, PRIVATE, OVER_TENSEAL = 1.15, 4.0, 300.0
#: Of the output range, and over how many samples.
ERROR, SAMPLES = 2e-3, 256
#: Bytes of Galois keys, weights public.
KEYS: Mapping[str, float] = {"w1": 1e6, "w2_sq": 4e6, "w3": 8e6, "cryptonets_mnist": 8e6, "w4_sq": 70e6}
MEMORY = 1e9
SEAL_SHARE, SHARED = 0.85, ("w3", "w4_sq")
#: Off 1, of measured over predicted. HE steps of less than LEAST_PRICED seconds are not asked: what Python takes around
#: them counts more, and is in the price of a pass.
PREDICTED, LEAST_PRICED = 0.25, 1e-3
THREADS = 1.5  # two of them on two idle cores


@dataclass(frozen=True)
class Goal:
    """At most, or with `least` at least, `limit`. `found` is None where it was not measured."""

    name: str
    found: float | None
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool | None:
        if self.found is None:
            return None
        return self.found >= self.limit if self.least else self.found <= self.limit

    def __str__(self) -> str:
        said = {None: "not measured", True: "holds", False: "MISSED"}[self.holds]
        found = "-" if self.found is None else f"{self.found:.3g}"
        return f"{self.name}: {found} ({'at least' if self.least else 'at most'} {self.limit:.3g}): {said}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


def asked_of(row: Mapping[str, Any]) -> Iterator[Goal]:
    """Of a network that runs under HE alone. Speeds, sizes and shares are asked of public weights."""
    name, public, secret = row["network"], row["public"], row["secret"]
    ratios = row["ratios"]
    if name.startswith("w"):
        yield Goal("times of the experiment", ratios.get("public_over_experiment"), BESIDE)
    yield Goal("circuit privacy, times as long", ratios.get("secret_over_public"), PRIVATE)
    for kind, found in (("public", public), ("secret", secret)):
        yield Goal(f"error of the range over {found.get('samples', 0)} samples, {kind}", found.get("error"), ERROR)
        yield _near(f"a pass off its prediction, {kind}", ratios.get(f"{kind}_pass_over_predicted"))
        if found.get("predicted_he_s", 0.0) >= LEAST_PRICED:
            yield _near(f"the server's HE steps off their prediction, {kind}", ratios.get(f"{kind}_over_predicted"))
        yield Goal(f"server's memory, {kind}", found.get("server_peak_bytes"), MEMORY)
    if name in KEYS:
        yield Goal("bytes of Galois keys", public.get("galois_bytes"), KEYS[name])
    if name == "w3":
        yield Goal("TenSEAL's interface, times as long", ratios.get("tenseal_over_public"), OVER_TENSEAL, least=True)
    if name in SHARED:
        for kind, found in (("public", public), ("secret", secret)):
            yield Goal(f"share of the server's time in SEAL, {kind}", found.get("seal_share"), SEAL_SHARE, least=True)


def _near(name: str, ratio: float | None) -> Goal:
    return Goal(name, None if ratio is None else abs(ratio - 1), PREDICTED)


def judged(row: dict[str, Any], found: Iterable[Goal]) -> dict[str, Any]:
    """The row with its goals, which are printed."""
    goals = list(found)
    for goal in goals:
        print(f"  {goal}", flush=True)
    return row | {"goals": [goal.as_json() for goal in goals]}
