"""What a plan is to be best in."""

import pytest

from ppc.ir.objective import AHEAD, Objective, Tariff
from ppc.ir.target import Cost, Network
from ppc.ir.types import Domain

COST = Cost(seconds=2.0, bytes=1e6, rounds=10, offline_bytes=1e8)
NETWORK = Network("slow", 8e6, 0.1)  # a MB a second


@pytest.mark.parametrize("text", ["latency", "total money", "traffic", "throughput", "latency=1,money=20"])
def test_text_form(text: str) -> None:
    assert str(Objective.parse(text)) == text


@pytest.mark.parametrize("text", ["", "speed", "latency=0", "latency=-1", "latency=inf", "latency=x", "money,money"])
def test_what_is_no_objective(text: str) -> None:
    with pytest.raises(ValueError):
        Objective.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("latency", 2 + 1 + 0.5 + AHEAD * 100),
        ("total latency", 2 + 1 + 0.5 + 100),
        ("throughput", 2 + 1 + 100),  # another pass runs while this one waits
        ("traffic", 1e6),
        ("total traffic", 1e6 + 1e8),
        ("money", 2 / 3600 * 0.05 + 0.09e-3),
        ("total money", 2 / 3600 * 0.05 + 0.09 * 0.101),
        ("traffic=2,latency=3", 2e6 + 3 * (3.5 + AHEAD * 100)),
    ],
)
def test_values(text: str, value: float) -> None:
    assert Objective.parse(text).value(COST, NETWORK) == pytest.approx(value, rel=1e-4)


def test_an_enclave_has_a_price_of_its_own() -> None:
    money = Objective.parse("money", Tariff(cpu_hour=1.0, tee_hour=3.0, gigabyte=0.0))
    cost = Cost(seconds=3600)
    assert money.value(cost, NETWORK, Domain.HE) == pytest.approx(1.0, rel=1e-4)
    assert money.value(cost, NETWORK, Domain.TEE) == pytest.approx(3.0, rel=1e-4)


def test_units() -> None:
    assert [Objective.parse(t).unit for t in ("latency", "traffic", "money", "latency=1,money=2", "latency=2")] == [
        "s", "B", "$", "", "",
    ]  # fmt: skip
