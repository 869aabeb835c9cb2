"""What a run measured beside what the plan predicted, a row a segment and one for all of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Costs:
    """Of all passes. `seconds` is computation, without waiting for others and without transfer; `bytes` are those of
    the party that sends more, step by step: both send at the same time."""

    seconds: float
    bytes: float
    rounds: float


@dataclass(frozen=True)
class Beside:
    """One segment."""

    place: str  # "he", "mpc", "client to he"
    first: int  # its steps, numbered as in the plan
    last: int
    predicted: Costs
    measured: Costs

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Total:
    """The online part of a run: transfer and waiting for the network included."""

    predicted_seconds: float
    measured_seconds: float
    network: str  # that the prediction is for

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}

    @property
    def ratio(self) -> float | None:
        """Measured over predicted."""
        return self.measured_seconds / self.predicted_seconds if self.predicted_seconds else None


def beside(report: Mapping[str, Any], steps: list[dict[str, Any]], passes: int) -> Iterator[Beside]:
    """`report` of the plan, `steps` as measured (`ppc.runtime.secure.combine`)."""
    for row in report.get("timeline", []):
        first, last = row["first"], row["last"]
        found = [s for s in steps if first <= s["id"] <= last]
        yield Beside(
            row["place"],
            first,
            last,
            Costs(passes * row["seconds"], passes * row["bytes"], passes * row["rounds"]),
            Costs(
                sum(s["seconds"] for s in found),
                sum(s["bytes_one_way"] for s in found),
                sum(s["rounds"] for s in found),
            ),
        )


def total(report: Mapping[str, Any], online: float, passes: int) -> Total:
    """`online`: seconds of the online phase, all passes."""
    predicted = report["predicted"]
    return Total(passes * predicted["seconds"], online, predicted["network"])
