"""A policy bound to a module: every pattern replaced by the names it means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.label import Label, join
from ppc.ir.module import Module, Op, Stage
from ppc.ir.objective import Objective, Tariff
from ppc.ir.policy import ast
from ppc.ir.policy.integrity import Intact, bind_integrity
from ppc.ir.policy.patterns import about, bind_names, most_specific
from ppc.ir.policy.places import bind_places
from ppc.ir.target import LAN, WAN, Network
from ppc.ir.types import Domain
from ppc.runtime.places import OUTSOURCED, OWNERS, Holders

#: Bits of computational security where the policy does not say (HomomorphicEncryption.org's lowest level).
SECURITY_BITS = 128

#: Operators that move elements without losing one: whoever may know the result may know the operand.
INVERTIBLE = ("Reshape", "Transpose", "Identity", "Flatten", "Squeeze", "Unsqueeze")

#: Result number i of a node; ("", i) is input number i.
Origin = tuple[str, int]

#: Where the runtime can take a secret tensor from, and whom it can reveal a value to.
HOLDERS = {"input": "client", "weight": "server"}
LEARNERS = ("client", "server")


@dataclass(frozen=True, slots=True)
class Grant:
    """A party (role) may learn one value."""

    value: str
    origin: Origin
    party: str
    because: str
    output: bool
    at: ast.Line


@dataclass(frozen=True, slots=True)
class ResolvedPolicy:
    """What the passes and the final check ask. Parties are roles here; nodes are `node_name(op)`."""

    policy: ast.Policy
    inputs: Mapping[str, Label]
    weights: Mapping[str, tuple[Label, str]]  # "@name" -> label and sha256
    grants: tuple[Grant, ...]
    activations: Mapping[str, ast.SeeActivations]  # by party
    flow: Mapping[str, frozenset[Origin]]  # what each node of the model reads
    operators: Mapping[str, frozenset[str]]  # of the ops of each node
    node_weights: Mapping[str, frozenset[tuple[str, str]]]  # "@name" and sha256 of the constants it reads
    node_denials: Mapping[str, Mapping[Domain, ast.Line]]
    source_denials: tuple[tuple[Domain, frozenset[str], ast.Line], ...]  # inputs and "@weights"
    pins: Mapping[str, tuple[Domain, ast.Line]]
    integrity: tuple[Intact, ...]
    roles: frozenset[str]
    assumed: tuple[str, ...]  # what the policy left unsaid

    def weight_label(self, name: str, sha256: str) -> Label:
        """Label of a constant; one that the policy never saw (a pass made it) is as secret as all weights together."""
        label, known = self.weights.get(name, (None, ""))
        return label if label is not None and known == sha256 else self.any_weight

    @property
    def share_holders(self) -> Holders:
        """The parties that hold share 0 and share 1 under MPC."""
        return share_holders(self.roles)

    @property
    def watched(self) -> frozenset[str]:
        """Inputs and weights that some line keeps from a domain."""
        return frozenset[str]().union(*(names for _, names, _ in self.source_denials))

    def weight_sources(self, name: str, sha256: str) -> frozenset[str]:
        """Which watched weights a constant may stem from: itself, or any of them where a pass made it."""
        known = self.weights.get(name, (None, ""))[1] == sha256
        return self.watched & (frozenset({name}) if known else frozenset(self.weights))

    @property
    def any_weight(self) -> Label:
        """Label of what was trained, wherever it stands: all weights together."""
        if self.weights:
            return join(label for label, _ in self.weights.values())
        public = any(s.what == "weight" and s.owner is None and "*" in s.patterns for s in self.policy.all(ast.Owned))
        return Label() if public else Label.secret(HOLDERS["weight"])

    @property
    def parameter_label(self) -> Label:
        """Label of trained numbers in attributes; the policy may let them stand in the public plan."""
        return Label() if self.policy.all(ast.AllowParameters) else self.any_weight

    def denial(self, domain: Domain) -> ast.Line | None:
        """The line that forbids a domain everywhere: `deny`, or an `allow` list where no line names the domain."""
        for d in self.policy.all(ast.Deny):
            if d.scope is None and domain in d.domains:
                return d.at
        allows = self.policy.all(ast.Allow)
        listed = next((a.at for a in allows if a.scope is None), None)
        return None if any(domain in a.domains for a in allows) else listed

    def trust(self, role: str, level: str) -> ast.Line | None:
        """The line that trusts a role this far. None: no line does."""
        levels = {"semi_honest": ("semi_honest", "non_colluding")}.get(level, (level,))
        return next((t.at for t in self._trust(role) if t.level in levels), None)

    def distrust(self, role: str) -> ast.Line | None:
        return next((t.at for t in self._trust(role) if t.level == "malicious"), None)

    def _trust(self, role: str) -> Iterable[ast.Trust]:
        names = self.policy.roles | {"enclave": "enclave"}
        return (t for t in self.policy.all(ast.Trust) if names[t.party] == role)

    @property
    def tee(self) -> ast.AssumeTee | ast.AllowSimulatedTee | None:
        """What the policy says of enclaves; hardware before simulation."""
        for hardware in self.policy.all(ast.AssumeTee):
            return hardware
        return next(iter(self.policy.all(ast.AllowSimulatedTee)), None)

    @property
    def security_bits(self) -> int:
        return max([s.bits for s in self.policy.all(ast.Security)], default=SECURITY_BITS)

    @property
    def non_interactive(self) -> ast.NonInteractive | None:
        return next(iter(self.policy.all(ast.NonInteractive)), None)

    @property
    def limits(self) -> dict[str, float]:
        """measure -> the most it may be, in base units (s, B)."""
        found: dict[str, float] = {}
        for limit in self.policy.all(ast.Limit):
            found[limit.measure] = min(limit.most, found.get(limit.measure, limit.most))
        return found

    @property
    def objective(self) -> Objective:
        """What the plan is to be best in; latency where the policy does not say."""
        prices = {ast.TARIFF[p.what][1]: p.amount for p in self.policy.all(ast.Price)}
        for s in self.policy.all(ast.ObjectiveIs):
            return Objective(s.weights, s.total, Tariff(**prices))
        return Objective(tariff=Tariff(**prices))

    @property
    def network(self) -> Network:
        return network_of(self.policy)


def network_of(policy: ast.Policy) -> Network:
    """The network between the parties; LAN where the policy does not say."""
    for n in policy.all(ast.NetworkIs):
        preset = {"lan": LAN, "wan": WAN}.get(n.name, LAN)
        return Network(
            n.name,
            preset.bandwidth if n.bandwidth is None else n.bandwidth,
            preset.rtt if n.rtt is None else n.rtt,
        )
    return LAN


def node_name(op: Op) -> str:
    """What a policy calls an op: its ONNX node, or its first result where it has none."""
    return op.loc or (op.results[0] if op.results else op.name)


def bind(policy: ast.Policy, module: Module, imported: Module | None = None) -> ResolvedPolicy:
    """Bind `policy` to `module`: for the passes and the final check, the module as it was labelled.

    Folding merges weights. Where the policy makes some weights public and others not, a merged one cannot be judged
    by its name, so `imported` (the module before folding) says what each name and hash stood for; without it every
    constant of a folded module counts as secret as all of them together. Raises UserError with every finding:
    PPC2005, PPC2010 (a name matches nothing), PPC2011 (nobody learns an output), PPC2012 (a party cannot do that).
    """
    found: list[Diagnostic] = []
    inputs, unsaid_inputs = _owners(policy, "input", {n: (n,) for n in module.inputs}, found)
    before = module if imported is None else imported
    weights, unsaid_weights = _owners(policy, "weight", {n: (n[1:],) for n in before.constants}, found)
    if imported is None and module.stage >= Stage.FOLDED and len(set(weights.values())) > 1:
        weights = dict.fromkeys(weights, join(weights.values()))
    locs: dict[str, list[Op]] = {}
    for op in filter(_computes, module.ops):
        locs.setdefault(node_name(op), []).append(op)
    intact = tuple(bind_integrity(policy, module, _origins(module), found))
    roles = frozenset(policy.roles.values()) | ({"enclave"} if policy.all(ast.AssumeTee) else set())
    places = bind_places(policy, module, before, locs, intact, share_holders(roles), found)
    resolved = ResolvedPolicy(
        policy,
        MappingProxyType(inputs),
        MappingProxyType({n: (label, before.constants[n].sha256) for n, label in weights.items()}),
        tuple(_grants(policy, module, found)),
        MappingProxyType({policy.roles[s.party]: s for s in policy.all(ast.SeeActivations)}),
        _flow(module),
        {n: frozenset(op.name.rpartition(".")[2] for op in ops) for n, ops in locs.items()},
        _node_weights(module),
        places.nodes,
        places.sources,
        places.pins,
        intact,
        roles,
        tuple(_assumed(policy, unsaid_inputs, unsaid_weights)),
    )
    if found:
        raise UserError(*found[:20])
    return resolved


def share_holders(roles: frozenset[str]) -> Holders:
    """Two parties that own nothing where the deployment has them, else the owners of the secrets."""
    return OUTSOURCED if roles >= set(OUTSOURCED) else OWNERS


def _computes(op: Op) -> bool:
    """False for the steps of a converted module that only carry a value."""
    return bool(op.results) and not op.name.startswith(
        ("convert.", "reveal.", "he.drop", "he.upscale", "he.batch_drop", "client.input")
    )


def _origins(module: Module) -> dict[str, Origin]:
    found: dict[str, Origin] = {name: ("", i) for i, name in enumerate(module.inputs)}
    for op in module.ops:
        for i, r in enumerate(op.results):
            carried = found.get(op.operands[0]) if op.operands and not _computes(op) else None
            found[r] = carried or found.get(r) or (node_name(op), i)
    return found


def _flow(module: Module) -> dict[str, frozenset[Origin]]:
    origins, flow = _origins(module), dict[str, frozenset[Origin]]()
    for op in filter(_computes, module.ops):
        reads = frozenset(origins[o] for o in op.operands if o and not o.startswith("@"))
        flow[node_name(op)] = flow.get(node_name(op), frozenset()) | reads
    return flow


def _node_weights(module: Module) -> dict[str, frozenset[tuple[str, str]]]:
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for op in filter(_computes, module.ops):
        reads = frozenset((o, module.constants[o].sha256) for o in op.operands if o.startswith("@"))
        found[node_name(op)] = found.get(node_name(op), frozenset()) | reads
    return found


def _owners(
    policy: ast.Policy, what: str, names: dict[str, tuple[str, ...]], found: list[Diagnostic]
) -> tuple[dict[str, Label], list[str]]:
    claims = []
    for s in policy.all(ast.Owned):
        if s.what != what:
            continue
        bound, unmatched = bind_names(s, s.patterns, names, what)
        found += unmatched
        claims.append((s, bound))
        if s.owner and policy.roles[s.owner] != HOLDERS[what]:
            message = f"a secret {what} is held by the {HOLDERS[what]}; no step takes one from {s.owner}"
            found.append(about(s, "PPC2012", message, f"make it `secret of {HOLDERS[what]}`, or `public`"))
    owner = {n: s.owner and policy.roles[s.owner] for n, s in most_specific(claims).items()}
    unsaid = [n for n in names if n not in owner]
    secret = {n: owner.get(n, HOLDERS[what]) for n in names}
    return {n: Label.secret(o) if o else Label() for n, o in secret.items()}, unsaid


def _grants(policy: ast.Policy, module: Module, found: list[Diagnostic]) -> list[Grant]:
    origins = _origins(module)
    producer = {r: op for op in filter(_computes, module.ops) for r in op.results}
    grants: dict[tuple[str, str], Grant] = {}
    for s in policy.all(ast.Reveal):
        pool = module.outputs if s.output else tuple(module.values)
        names = {v: (v, node_name(producer[v])) if v in producer and not s.output else (v,) for v in pool}
        bound, unmatched = bind_names(s, s.patterns, names, "output" if s.output else "value or node")
        found += unmatched
        role = policy.roles[s.party]
        if role not in LEARNERS:
            found.append(about(s, "PPC2012", f"no step reveals a value to the {role}", "reveal to client or server"))
        for v in bound:
            grant = Grant(v, origins[v], role, s.because, s.output, s.at)
            if s.output or (v, role) not in grants:
                grants[v, role] = grant
    for v in module.outputs:
        if not any(g.value == v and g.output for g in grants.values()):
            help = f'output "{v}" reveal to client because "..."'
            found.append(Diagnostic("PPC2011", "the policy lets nobody learn this output", value=v, help=help))
    for op in filter(_computes, reversed(module.ops)):
        for role in LEARNERS:
            of_result = grants.get((op.results[0], role))
            if of_result is not None and _is_invertible(op, producer, module) and op.operands[0] in origins:
                v = op.operands[0]
                derived = replace(of_result, value=v, origin=origins[v], output=False)
                grants.setdefault((v, role), derived)
    return list(grants.values())


def _is_invertible(op: Op, producer: Mapping[str, Op], module: Module) -> bool:
    """Whether who learns the result of an op learns its first operand: it moves elements, or gives each class of an
    ArgMax a name of its own."""
    if op.name != "LabelEncoder":
        return op.name in INVERTIBLE
    made = producer.get(op.operands[0])
    keys, values, axis = op.attrs["keys"], op.attrs["values"], made.attrs.get("axis", 0) if made else 0
    if made is None or made.name != "ArgMax" or not isinstance(keys, tuple) or not isinstance(values, tuple):
        return False
    shape = module.type_of(made.operands[0]).shape
    return set(range(shape[int(axis)])) <= set(keys) and len({*values, op.attrs["default"]}) == len(values) + 1  # type: ignore[arg-type]


def _assumed(policy: ast.Policy, inputs: list[str], weights: list[str]) -> list[str]:
    """Sentences about what the policy leaves unsaid, for the report."""
    if policy.assumed:
        return [
            "no policy was given: inputs are secret of client, weights secret of server, the client learns the "
            "outputs, client and server are semi-honest, the dealer colludes with neither, and there is no TEE"
        ]
    said = [f"inputs not named in the policy are secret of client: {', '.join(inputs)}"] if inputs else []
    said += [f"{len(weights)} weights not named in the policy are secret of server"] if weights else []
    trusted = {policy.roles.get(t.party) for t in policy.all(ast.Trust)}
    return said + [f"the {r} is semi-honest" for r in ("client", "server") if r not in trusted]
