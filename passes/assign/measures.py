"""What of a cost counts for the objective, and for each limit of a policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ppc.ir.objective import Objective
from ppc.ir.target import Cost, Network
from ppc.ir.types import Domain

HE, MPC, TEE, CLIENT, SERVER = Domain.HE, Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER

#: Conversions in which the client sends something, and in which it receives something. A conversion in both counts in
#: full for each: a limit holds all the same.
SENT_BY_CLIENT = frozenset(
    {(CLIENT, d) for d in Domain} | {(MPC, HE), (MPC, TEE), (MPC, SERVER), (HE, TEE), (TEE, HE), (HE, HE)}
)
SENT_TO_CLIENT = frozenset(
    {(d, CLIENT) for d in Domain} | {(HE, MPC), (TEE, MPC), (SERVER, MPC), (HE, TEE), (TEE, HE), (HE, HE)}
)


@dataclass(frozen=True)
class Measure:
    """One additive measure: of a node in a domain, of a move between two, of the set-up of a domain."""

    name: str
    node: Callable[[Cost, Domain], float]
    move: Callable[[Cost, Domain, Domain], float]
    setup: Callable[[Cost, Domain], float]


def objective(of: Objective, network: Network) -> Measure:
    return Measure(
        str(of),
        lambda cost, domain: of.value(cost, network, domain),
        lambda cost, source, goal: of.value(cost, network),
        lambda cost, domain: of.value(cost, network, domain) / of.passes_per_setup,
    )


def _nothing(cost: Cost, domain: Domain) -> float:
    return 0.0


def _latency(network: Network) -> tuple[Measure, ...]:
    return (Measure("latency", lambda c, d: network.seconds(c), lambda c, a, b: network.seconds(c), _nothing),)


def _traffic(network: Network) -> tuple[Measure, ...]:
    return (Measure("traffic", lambda c, d: c.bytes, lambda c, a, b: c.bytes, _nothing),)


def _upload(network: Network) -> tuple[Measure, ...]:
    return (Measure("upload", _shared, lambda c, a, b: c.bytes * ((a, b) in SENT_BY_CLIENT), _nothing),)


def _download(network: Network) -> tuple[Measure, ...]:
    return (Measure("download", _shared, lambda c, a, b: c.bytes * ((a, b) in SENT_TO_CLIENT), _nothing),)


def _shared(cost: Cost, domain: Domain) -> float:
    """In MPC each party sends at most what the busier one does."""
    return cost.bytes if domain is MPC else 0.0


def _memory(network: Network) -> tuple[Measure, ...]:
    """The server's for HE and the enclave's, each: sums of what all their nodes hold, so an upper bound of the peak."""

    def of(holder: Domain, name: str) -> Measure:
        return Measure(name, lambda c, d: c.memory if d is holder else 0.0, lambda c, a, b: 0.0, _nothing)

    return of(HE, "memory under HE"), of(TEE, "memory of the enclave")


#: Limits that are rows of the problem, by their word in a policy.
LIMITED: Mapping[str, Callable[[Network], tuple[Measure, ...]]] = {
    "latency": _latency,
    "traffic": _traffic,
    "upload": _upload,
    "download": _download,
    "memory": _memory,
}
