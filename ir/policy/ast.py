"""Statements of a policy, one dataclass each, and the policy itself. Nothing here knows of a module."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ppc.ir.types import Domain
from ppc.runtime.places import OUTSOURCED

if TYPE_CHECKING:
    from ppc.ir.module import Module
    from ppc.ir.policy.bind import ResolvedPolicy

#: The parties a deployment may have. A policy may call them by names of its own (`party hospital is client`).
ROLES = ("client", "server", *OUTSOURCED, "dealer", "enclave")

#: How far a party is trusted. `malicious` trusts it with nothing.
TRUST = ("semi_honest", "non_colluding", "malicious")

#: Kinds of attested hardware.
HARDWARE = ("sev_snp", "nitro", "tdx", "sgx")

SCOPES = ("input", "weight", "node", "operator")

#: What can be limited, with its base unit ("" = a plain number).
MEASURES = {"latency": "s", "traffic": "B", "upload": "B", "download": "B", "memory": "B", "error": ""}

UNITS = {
    "s": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0},
    "B": {
        "B": 1.0,
        **{f"{p}B": 1e3**i for i, p in enumerate(("k", "M", "G", "T"), 1)},
        **{f"{p}iB": 2.0 ** (10 * i) for i, p in enumerate(("K", "M", "G", "T"), 1)},
    },
    "bps": {"bps": 1.0, "kbps": 1e3, "Mbps": 1e6, "Gbps": 1e9},
    "": {"": 1.0},
}


#: What can have a price: the unit that it is for, and the field of `ppc.ir.objective.Tariff`.
TARIFF = {"cpu": ("hour", "cpu_hour"), "tee": ("hour", "tee_hour"), "traffic": ("GB", "gigabyte")}


@dataclass(frozen=True, slots=True)
class Line:
    """Where a statement stands; two statements are equal wherever they stand."""

    source: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


NOWHERE = Line("default policy", 0, 0, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    at: Line = field(default=NOWHERE, compare=False, repr=False)


S = TypeVar("S", bound=Statement)


@dataclass(frozen=True, slots=True)
class Party(Statement):
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Owned(Statement):
    """`input` or `weight`: whose secret it is; `owner` None means public."""

    what: str
    patterns: tuple[str, ...]
    owner: str | None


@dataclass(frozen=True, slots=True)
class Reveal(Statement):
    """`party` learns the values. `output` is True for outputs of the model."""

    patterns: tuple[str, ...]
    party: str
    because: str
    output: bool


@dataclass(frozen=True, slots=True)
class SeeActivations(Statement):
    """`party` may see every value that leads from the inputs to the outputs."""

    party: str
    because: str


@dataclass(frozen=True, slots=True)
class Trust(Statement):
    party: str
    level: str


@dataclass(frozen=True, slots=True)
class AssumeTee(Statement):
    hardware: str
    measured: str


@dataclass(frozen=True, slots=True)
class AllowSimulatedTee(Statement):
    pass


@dataclass(frozen=True, slots=True)
class AllowParameters(Statement):
    """Parameters of the model that are attributes of nodes (trees, scalers) may stand in the public plan."""

    because: str


@dataclass(frozen=True, slots=True)
class Allow(Statement):
    """Use `domains`. Without a scope: and none that no such line names. With one: only for what matches it (nodes), or
    for what depends on nothing else that is secret (inputs and weights)."""

    domains: tuple[Domain, ...]
    scope: str | None = None
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deny(Statement):
    """Never use `domains`; with a scope only for what matches it, or depends on it (inputs and weights)."""

    domains: tuple[Domain, ...]
    scope: str | None = None
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place(Statement):
    scope: str
    patterns: tuple[str, ...]
    domain: Domain


@dataclass(frozen=True, slots=True)
class Security(Statement):
    bits: int


@dataclass(frozen=True, slots=True)
class NonInteractive(Statement):
    """No party has to answer between the upload of the input and the download of the output."""


@dataclass(frozen=True, slots=True)
class Integrity(Statement):
    """None of `parties` takes part in computing the outputs that match, so none of them can alter one unseen."""

    patterns: tuple[str, ...]
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limit(Statement):
    """`measure` is a key of MEASURES; `most` is in its base unit."""

    measure: str
    most: float


@dataclass(frozen=True, slots=True)
class ObjectiveIs(Statement):
    """What the plan is to be best in, as `ppc.ir.objective.Objective` has it."""

    weights: tuple[tuple[str, float], ...]
    total: bool


@dataclass(frozen=True, slots=True)
class Price(Statement):
    """`what` is a key of TARIFF; `amount` is in dollars, for one of its unit."""

    what: str
    amount: float


@dataclass(frozen=True, slots=True)
class NetworkIs(Statement):
    """bits per second, seconds; None: as the preset of that name has it."""

    name: str
    bandwidth: float | None
    rtt: float | None


@dataclass(frozen=True, slots=True)
class Policy:
    """A list of statements. `assumed` is True for the policy that ppc takes where nobody gave one."""

    statements: tuple[Statement, ...]
    source: str = field(default="policy", compare=False)
    assumed: bool = False

    def all(self, kind: type[S]) -> tuple[S, ...]:
        """Every statement of one kind, in order."""
        return tuple(s for s in self.statements if isinstance(s, kind))

    def resolve(self, module: "Module", imported: "Module | None" = None) -> "ResolvedPolicy":
        """Bind the policy to a module (`ppc.ir.policy.bind.bind`)."""
        from ppc.ir.policy.bind import bind

        return bind(self, module, imported)

    @property
    def roles(self) -> dict[str, str]:
        """Name of each party -> its role. Without a `party` line: every role by its own name, but for the two parties
        of an outsourced computation, which change who holds shares."""
        return {p.name: p.role for p in self.all(Party)} or {r: r for r in ROLES if r not in OUTSOURCED}

    @property
    def sha256(self) -> str:
        """Hash of the canonical text: comments and layout do not change it."""
        from ppc.ir.policy.printer import print_policy

        return hashlib.sha256(print_policy(self).encode()).hexdigest()
