"""From a module with targets and prices to an assigned one, and the audit that believes nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from ppc.ir.diagnostic import InternalError, UserError
from ppc.ir.module import Module, Op
from ppc.ir.objective import Objective, Tariff
from ppc.ir.parser import parse
from ppc.ir.refresh import refreshed, with_refreshed
from ppc.ir.target import LAN, Cost, HeRung
from ppc.ir.types import Domain
from ppc.passes.assign.audit import Audit
from ppc.passes.assign.build import DOMAINS, Pricing, Rules
from ppc.passes.assign.search import Assign, Outcome

HE, MPC, TEE, CLIENT, SERVER = DOMAINS
#: A chain x -> a -> b -> c -> y.
CHAIN = parse("""module "m" approximated {
    input %x: f32<1x2> secret[client]
    %a = Relu(%x) : f32<1x2> secret[client] loc "first"
    %b = Relu(%a) : f32<1x2> secret[client] loc "second"
    %c = Relu(%b) : f32<1x2> secret[client] loc "third"
    output %c }""")
RUNG = HeRung(8192, 3)


@dataclass(frozen=True)
class Target:
    """Every op costs the same here, and 0.1 s more a level."""

    domain: Domain
    each: Cost

    def refuses(self, op: Op, module: Module) -> str | None:
        return None

    def cost(self, op: Op, module: Module, rung: HeRung, level: int = 0) -> Cost:
        return self.each + Cost(seconds=0.1 * level)

    def depth(self, op: Op, module: Module) -> int:
        return 1


class Conversions:
    """Ten bytes and a millisecond each way."""

    def cost(self, source: Domain, target: Domain, value: str, module: Module, rung: HeRung,
             level: int | None = None) -> Cost | None:  # fmt: skip
        return Cost(seconds=0.001, bytes=10)


COSTS = {
    HE: Cost(seconds=1.0, memory=100),
    MPC: Cost(seconds=0.5, bytes=1000, rounds=4, offline_bytes=5000),
    TEE: Cost(seconds=0.2, memory=7),
    CLIENT: Cost(seconds=0.1),
    SERVER: Cost(seconds=0.1),
}
TARGETS: Mapping[Domain, Target] = {d: Target(d, cost) for d, cost in COSTS.items()}


def rules(*domains: Domain, **options: object) -> Rules:
    allowed = {op.results[0]: frozenset(domains) for op in CHAIN.ops}
    return replace(Rules(allowed, frozenset("abc"), {"c": (CLIENT,)}), **options)  # type: ignore[arg-type]


def pricing(objective: str = "latency", tariff: Tariff | None = None) -> Pricing:
    return Pricing(TARGETS, Conversions(), LAN, {HE: Cost(seconds=0.3)}, Objective.parse(objective, tariff))


def place(allowed: Rules, objective: str = "latency", tariff: Tariff | None = None) -> Outcome:
    return Assign(allowed, pricing(objective, tariff), (RUNG,)).search(CHAIN)


def where(outcome: Outcome) -> list[str]:
    return [str(op.domain) for op in outcome.module.ops]


def test_the_objective_decides() -> None:
    """MPC is the faster one and sends a lot; an enclave is fast, and an hour in it may be dear."""
    assert where(place(rules(HE, MPC))) == ["mpc"] * 3
    assert where(place(rules(HE, MPC), "traffic")) == ["he"] * 3
    assert where(place(rules(HE, TEE))) == ["tee"] * 3
    dear = Tariff(cpu_hour=0.1, tee_hour=100.0, gigabyte=0.0)
    assert where(place(rules(HE, TEE), "money", dear)) == ["he"] * 3
    assert where(place(rules(HE, TEE), "latency=1,money=1", dear)) == ["tee"] * 3


def test_total_counts_what_is_made_ahead() -> None:
    assert place(rules(MPC), "total traffic").solution.value == pytest.approx(
        place(rules(MPC), "traffic").solution.value + 3 * 5000
    )
    online, total = (place(rules(HE), o).solution.value for o in ("latency", "total latency"))
    assert total == pytest.approx(online + 0.3 * (1 - 1 / 100))


@pytest.mark.parametrize(
    ("limits", "domains"),
    [
        ({}, ["mpc"] * 3),
        ({"traffic": 2500}, ["he", "mpc", "mpc"]),
        ({"upload": 1500}, ["he", "he", "mpc"]),
        ({"memory": 250, "traffic": 1500}, ["he", "he", "mpc"]),
        ({"latency": 4}, ["mpc"] * 3),
    ],
)
def test_limits_are_kept(limits: dict[str, float], domains: list[str]) -> None:
    found = place(rules(HE, MPC, limits=limits))
    assert sorted(where(found)) == sorted(domains)
    assert all(used <= most for used, most in found.uses.values()) and found.solution.gap < 1e-9


def test_limits_that_nothing_keeps() -> None:
    """The plan that comes nearest, and by how much it fails."""
    found = place(rules(HE, MPC, limits={"traffic": 15}))
    assert where(found) == ["he"] * 3 and found.uses == {"traffic": (30, 15)}  # in, out and a refresh
    assert found.solution.bound == 0


def test_nothing_is_legal() -> None:
    with pytest.raises(UserError, match="PPC3003"):
        place(rules(HE, refreshes=False))  # three levels, and one to leave with: one too many


def test_refreshes_are_written_on_the_readers() -> None:
    """As often as lower levels pay for it, or as seldom as the levels allow."""
    assert [refreshed(op) for op in place(rules(HE)).module.ops] == [(), ("a",), ("b",)]
    assert [refreshed(op) for op in place(rules(HE), "traffic").module.ops].count(()) == 2


def test_in_one_go_the_client_does_not_answer_in_the_middle() -> None:
    """The client may compute before it sends and after it receives, not between."""
    allowed = {"a": frozenset({CLIENT, MPC}), "b": frozenset({TEE}), "c": frozenset({CLIENT, TEE})}
    ahead = place(rules(allowed=allowed, interactive=False))
    assert where(ahead) == ["client", "tee", "client"]
    back = {"a": frozenset({TEE}), "b": frozenset({CLIENT}), "c": frozenset({TEE})}
    assert where(place(rules(allowed=back))) == ["tee", "client", "tee"]
    with pytest.raises(UserError, match="PPC3003"):
        place(rules(allowed=back, interactive=False))


def test_values_that_may_not_be_shared_are_not_refreshed() -> None:
    found = place(rules(HE, CLIENT, shares=frozenset("a")), "traffic=1,latency=1e9")
    assert set(where(found)) == {"client"}
    with pytest.raises(UserError, match="PPC3003"):
        place(rules(HE, shares=frozenset()))


def test_what_every_other_domain_would_cost() -> None:
    found = place(rules(HE, MPC, TEE))
    assert found.dearer is not None
    for v, op in enumerate(found.module.ops, 1):
        for k, domain in enumerate(DOMAINS):
            allowed = {**rules(HE, MPC, TEE).allowed, op.results[0]: frozenset({domain})}
            if domain in (CLIENT, SERVER):
                assert found.dearer[v, k] == float("inf")
                continue
            forced = place(rules(allowed=allowed)).solution.value
            assert found.dearer[v, k] == pytest.approx(forced - found.solution.value, abs=1e-12)


def audit(found: Outcome, module: Module | None = None, allowed: Rules | None = None, **levels: int) -> None:
    at = {op.results[0]: found.solution.labels[v][1] for v, op in enumerate(found.module.ops, 1) if op.domain is HE}
    Audit(module or found.module, allowed or found.rules, pricing(), RUNG, at | levels).run().agrees(
        found.solution.value
    )


def changed(found: Outcome, name: str, **changes: object) -> Module:
    ops = (replace(op, **changes) if op.results[0] == name else op for op in found.module.ops)  # type: ignore[arg-type]
    return replace(found.module, ops=tuple(ops))


def test_the_audit_believes_nothing() -> None:
    found = place(rules(HE, MPC, limits={"traffic": 2500}))
    audit(found)
    name = next(op.results[0] for op in found.module.ops if op.domain is HE)
    for module, allowed, levels, why in (
        (changed(found, name, domain=TEE), None, {}, "may not run"),
        (changed(found, name, domain=MPC), None, {}, "costs"),
        (None, rules(MPC), {}, "may not run"),
        (None, None, {name: 0}, "reads at level 0"),
        (None, None, {name: 9}, "reads at level 9"),
        (None, None, {name: 1}, "leaves HE"),
        (None, None, {name: 3}, "costs"),
    ):
        with pytest.raises(InternalError, match=why):
            audit(found, module, allowed, **levels)


def test_the_audit_looks_at_refreshes() -> None:
    found = place(rules(HE))
    audit(found)
    reader = next(op for op in found.module.ops if refreshed(op))
    without = changed(found, reader.results[0], attrs=with_refreshed(reader, ()).attrs)
    with pytest.raises(InternalError, match="levels left"):
        audit(found, without)
    with pytest.raises(InternalError, match="may not be"):
        audit(found, allowed=rules(HE, refreshes=False))
    with pytest.raises(InternalError, match="through shares"):
        audit(found, allowed=rules(HE, shares=frozenset()))
