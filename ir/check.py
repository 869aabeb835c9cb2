"""The final check: no party sees a value that the policy does not allow it to see.

This file is the guarantee of the product. It shares nothing with the passes that label, place and convert: it reads
the steps of the finished module one by one, takes from `ppc.runtime.schema` what each step reads, writes and
reveals, and asks the policy alone. Labels and domains that the module itself claims are compared, never believed.

The argument. A value is opaque in `he` (under the client's key) and in `mpc` (shares) as long as the parties that the
policy trusts behave as it says; the assumptions used are listed. Everywhere else the party of the domain sees it. A
party sees an input if the input is its own or public; it sees what it computes from values it sees and weights it may
know; all else reaches it by a reveal, and each reveal needs a line of the policy. So it is enough to judge inputs,
weights and reveals, and that every step reads what was written in the representation it expects.
"""

from dataclasses import dataclass, field, replace

from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.label import PUBLIC, Label, join
from ppc.ir.module import Module, Op, Stage
from ppc.ir.ops import OPS
from ppc.ir.parameters import parameters_of
from ppc.ir.partial import CARRIERS, partial_values
from ppc.ir.policy.ast import Line
from ppc.ir.policy.bind import Grant, Origin, ResolvedPolicy, node_name
from ppc.ir.policy.integrity import altered_by
from ppc.ir.printer import print_op
from ppc.ir.slices import made_by, reveals_of
from ppc.ir.trust import missing_trust, shares_of_others
from ppc.ir.types import Domain
from ppc.ir.views import Fact, RevealLine, Views, views_of
from ppc.runtime.schema import FUSED, StepSpec, step_spec

#: Who sees a value in clear, by the representation it is in. `he` and `mpc` are missing: nobody does.
SEES = {"client": "client", "server": "server", "tee": "enclave"}

#: The only two ways out of HE; both keep the noise, which depends on the weights, from the key owner.
HE_EXITS = ("convert.he_to_mpc", "reveal.he_to_client")

#: Statistical distance 2^-30 at most between a flooded ciphertext and one that knows no weights.
FLOOD_BITS = 30

#: Modulus of a mask that hides a result perfectly, but for wrapping with a chance of 2^-40.
MASK_MODULUS_BITS = 100


def check(module: Module, policy: ResolvedPolicy) -> Views:
    """Judge a CONVERTED or LOWERED module. Raises UserError with every finding (PPC2013-PPC2025), at most 20."""
    judge = _Check(module, policy)
    judge.run()
    if judge.found:
        raise UserError(*judge.found[:20])
    return views_of(module, policy, judge.facts, judge.reveals, judge.used)


@dataclass
class _Check:
    module: Module
    policy: ResolvedPolicy
    found: list[Diagnostic] = field(default_factory=list)
    reads: dict[str, set[Origin]] = field(default_factory=dict)  # what the steps of each node read
    facts: dict[str, Fact] = field(default_factory=dict)
    reveals: list[RevealLine] = field(default_factory=list)
    present: set[str] = field(default_factory=set)  # nodes that have steps
    used: set[str] = field(default_factory=set)  # domains
    partial: frozenset[str] = frozenset()

    def run(self) -> None:
        if self.module.stage < Stage.CONVERTED:
            self._refuse("PPC2019", f"a module in stage {self.module.stage.word} has no representations to judge")
            return
        steps = (
            op
            for op in self.module.ops
            if not op.name.startswith(("convert.", "reveal.", "he.drop", "he.upscale", "he.batch_drop"))
        )
        self.present = {node_name(op) for op in steps} & self.policy.flow.keys()
        self.partial = partial_values(self.module)
        for name in self.module.inputs:
            self._input(name)
        for op in self.module.ops:
            self._op(op)
        self._dataflow()
        self._outputs()
        self._integrity()
        self._parameters()
        self._security()

    # inputs, constants and steps

    def _input(self, name: str) -> None:
        label = self.policy.inputs.get(name)
        if label is None:
            self._refuse("PPC2019", "the policy never saw this input", value=name)
        elif not label.flows_to("client"):
            message = f"the client would hold an input that is {label}"
            self._refuse("PPC2016", message, value=name)
        origin = "", list(self.policy.inputs).index(name) if label is not None else -1
        self.facts[name] = Fact(
            "client", label or PUBLIC, origin, frozenset({name}), frozenset({name}) & self.policy.watched
        )
        self._claims(name, None)

    def _op(self, op: Op) -> None:
        spec = self._spec(op)
        if spec is None:
            self._refuse("PPC2019", f"no such step as '{op.name}' (on {op.domain})", op)
            spec = StepSpec("?", None, None, frozenset(), "")
        if op.name == "client.input":
            if any(r not in self.module.inputs for r in op.results) or op.operands:
                self._refuse("PPC2019", "client.input takes an input of the module", op)
            return
        operands = [self._operand(op, o, spec) for o in op.operands if o and not o.startswith("@")]
        constants = [o for o in op.operands if o.startswith("@")]
        made_from = [w for c in constants if c in self.module.constants for w in self._made_from(op, c)]
        labels = [f.label for f in operands] + [self._constant(op, c, spec) for c in constants]
        labels += [self.policy.parameter_label] if parameters_of(op) else []
        sources = frozenset[str]().union(*(f.sources for f in operands))
        sources = sources.union(*(self.policy.weight_sources(*w) for w in made_from))
        late = spec.reveals or any(f.late for f in operands)
        altered = altered_by(spec, ((f.altered_by, f.late) for f in operands), self.policy.share_holders)
        fact = Fact(spec.writes or "", join(labels), (node_name(op), 0), frozenset(), sources, late, altered)
        carried: Fact | None = None
        if op.name.startswith(("convert.", "reveal.")) or self._only_carries(op, operands):
            if len(operands) != 1 or len(op.results) != 1:
                self._refuse("PPC2019", f"{op.name} carries one value", op)
            carried = operands[0] if operands else fact
        if carried is None and spec.writes is not None:
            self._placement(op, spec.writes)
            self.reads.setdefault(node_name(op), set()).update(f.origin for f in operands)
        for index, result in enumerate(op.results):
            if carried is not None:
                new = replace(fact, origin=carried.origin, names=carried.names | {result})
            else:
                new = replace(fact, origin=(node_name(op), index), names=frozenset({result}))
            if result in self.facts:
                self._refuse("PPC2019", "defined twice", op, result)
            self.facts[result] = new
            self._claims(result, op)
        if spec.writes is not None:
            self._domain(op, spec.writes, fact, carried is None)
        if spec.reads not in (None, spec.writes) and spec.writes is not None:
            self._conversion(op, spec, carried or fact)
        if op.name == "mpc.checked":
            self._verdict(op)

    def _spec(self, op: Op) -> StepSpec | None:
        """What a step reads and writes. Before lowering, a node reads and writes its own domain."""
        if "." not in op.name:
            if self.module.stage is not Stage.CONVERTED or op.domain is None:
                return None
            return StepSpec(op.name, op.domain.value, op.domain.value, frozenset(), "")
        try:
            return step_spec(op.name)
        except KeyError:
            return None

    def _operand(self, op: Op, name: str, spec: StepSpec) -> Fact:
        fact = self.facts.get(name)
        if fact is None:
            self._refuse("PPC2019", "read before it is written", op, name)
            return Fact(spec.reads or "", PUBLIC, ("", -1), frozenset(), frozenset())
        if fact.domain != spec.reads:
            self._refuse("PPC2019", f"{op.name} reads {spec.reads}, and this value is in {fact.domain}", op, name)
        return fact

    def _constant(self, op: Op, name: str, spec: StepSpec) -> Label:
        """A weight is used by its owner in clear, as a plaintext of HE, as shares, or in the enclave."""
        constant = self.module.constants.get(name)
        if constant is None:
            self._refuse("PPC2019", "no such constant", op, name)
            return self.policy.any_weight
        label = join(self.policy.weight_label(*w) for w in self._made_from(op, name))
        holder = "client" if spec.reads == "client" else "server"
        if op.name.startswith(("convert.", "reveal.")) or spec.writes is None:
            self._refuse("PPC2015", "a weight is an operand of computing steps only", op, name)
        elif not label.flows_to(holder):
            self._refuse("PPC2015", f"the {holder} would hold a weight that is {label}", op, name)
        if not label.owners <= constant.label.owners:
            self._refuse("PPC2020", f"the module calls it {constant.label}, and it is {label}", op, name)
        return label

    def _absorbed(self, node: str) -> frozenset[str]:
        """The node, and the nodes before it that have no step of their own (linear maps are merged)."""
        found, waiting = {node}, [node]
        while waiting:
            before = {o[0] for o in self.policy.flow.get(waiting.pop(), ())} - self.present - found - {""}
            found |= before
            waiting += before
        return frozenset(found)

    def _made_from(self, op: Op, name: str) -> list[tuple[str, str]]:
        """A constant that lowering made (diagonals) stands for the weights of its node; any other for itself."""
        sha256 = self.module.constants[name].sha256
        if self.policy.weights.get(name, (None, ""))[1] == sha256 or op.name.startswith("client."):
            return [(name, sha256)]
        nodes = self._absorbed(node_name(op))
        return [w for node in nodes for w in self.policy.node_weights.get(node, ())]

    def _claims(self, name: str, op: Op | None) -> None:
        """Compare what the module says of a value with what the steps say."""
        fact, claimed = self.facts[name], self.module.values.get(name)
        if claimed is None or claimed.domain is None or claimed.domain.value != fact.domain:
            says = claimed.domain if claimed else None
            self._refuse("PPC2019", f"the module says it is in {says}, its step writes {fact.domain}", op, name)
        if claimed is None or claimed.label is None or not fact.label.owners <= claimed.label.owners:
            label = claimed.label if claimed else None
            self._refuse("PPC2020", f"the module calls it {label}, and it is {fact.label}", op, name)

    # what a step needs of the policy

    def _placement(self, op: Op, domain: str) -> None:
        """A node runs where the policy lets it."""
        node = node_name(op)
        if op.domain is not None and op.domain.value != domain:
            self._refuse("PPC2019", f"it is a step of {domain} and says that it runs in {op.domain}", op)
        if node not in self.policy.flow:
            self._refuse("PPC2019", "this step belongs to no node of the model that the policy was bound to", op)
        operator = op.name.rpartition(".")[2]
        if domain != "he" and operator in OPS and operator not in self.policy.operators.get(node, {operator}):
            self._refuse("PPC2019", f"it computes {operator}, and that node of the model does not", op)
        for part in FUSED.get(op.name, ()):
            stands_for = part.rpartition(".")[2]
            if not any(stands_for in self.policy.operators.get(n, {stands_for}) for n in self._absorbed(node)):
                self._refuse("PPC2019", f"it computes {stands_for} as well, and no node that it stands for does", op)
        for part in sorted(self._absorbed(node)):
            if (line := self.policy.node_denials.get(part, {}).get(Domain(domain))) is not None:
                self._refuse("PPC2018", f"the policy denies {domain} for node '{part}'", op, line=line)
            pin = self.policy.pins.get(part)
            if pin is not None and pin[0].value != domain:
                self._refuse("PPC2023", f"the policy places '{part}' in {pin[0]}, it runs in {domain}", op, line=pin[1])

    def _domain(self, op: Op, domain: str, fact: Fact, computes: bool) -> None:
        """The policy allows this representation, for these secrets. Being revealed to a party is no computation."""
        if computes or domain not in ("client", "server"):
            if (line := self.policy.denial(Domain(domain))) is not None:
                self._refuse("PPC2018", f"the policy does not allow {domain}", op, line=line)
            for denied, names, line in self.policy.source_denials:
                if denied.value == domain and (hit := sorted(names & fact.sources)):
                    self._refuse("PPC2018", f"{domain} may not touch what depends on '{hit[0]}'", op, line=line)
        if (rule := self.policy.non_interactive) is not None:
            back = op.name.startswith("convert.client_to_") and fact.late
            if domain == "mpc" or back:
                self._refuse("PPC2022", "a party would have to be online in the middle of the run", op, line=rule.at)
        if domain not in self.used:
            self.used.add(domain)
            for problem in missing_trust(domain, self.policy, self.module):
                self._refuse("PPC2013", problem, op)

    def _conversion(self, op: Op, spec: StepSpec, operand: Fact) -> None:
        """A value changes its representation: out of HE only with circuit privacy, to a party only as a reveal."""
        if problem := shares_of_others(spec, self.policy):
            self._refuse("PPC2019", problem, op)
        if spec.reads == "he" and op.name not in HE_EXITS:
            self._refuse("PPC2014", f"a result leaves HE by {op.name}", op)
        party = spec.writes
        if party not in ("client", "server"):
            return
        if not spec.reveals:
            self._refuse("PPC2016", f"{op.name} shows the {party} a value, and is no reveal", op)
        lowered = self.module.stage >= Stage.LOWERED  # flooding is part of the level plan
        if op.name == "reveal.he_to_client" and lowered and not operand.label.flows_to("client"):
            self._circuit_privacy(op, operand)
        because = op.attrs.get("because")
        if not isinstance(because, str) or not because.strip():
            self._refuse("PPC2025", "a reveal says why", op)
        for result in op.results:
            permission = self._permission(self.facts[result], party)
            if permission is None:
                fact = self.facts[result]
                message = f"the {party} would learn a value that is {fact.label}, and no line of the policy allows it"
                self._refuse("PPC2016", message, op, result)
                continue
            reason, line = permission
            if reason and because not in reason:
                self._refuse("PPC2025", f"the plan's reason is not the policy's ({sorted(reason)[0]!r})", op)
            self.reveals.append(RevealLine(op.name, result, operand.origin[0], party, str(because), line))

    def _verdict(self, op: Op) -> None:
        """One bit about the nodes that a value was made by goes to a party that learns what is made of the value."""
        to, of = op.attrs.get("to"), op.attrs.get("of")
        found = made_by(self.module, op.operands)
        if not isinstance(of, tuple) or not of or not {str(node) for node in of} <= found:
            self._refuse("PPC2019", "it tells about nodes that its value does not depend on", op)
        after = reveals_of(self.module, op.results)
        known = next((r for r in after if r.name.endswith(f"_to_{to}")), None)
        if known is None:
            self._refuse("PPC2016", f"the {to} would learn a bit about a value that is never revealed to it", op)
            return
        because = str(known.attrs.get("because", ""))
        self.reveals.append(RevealLine(op.name, "whether a value left its range (one bit)", "", str(to), because, ""))

    def _circuit_privacy(self, op: Op, operand: Fact) -> None:
        if op.attrs.get("privacy") == "masking":
            return self._mask_fits(op)
        bits = op.attrs.get("flood_bits", 0)
        enough = isinstance(bits, (int, float)) and not isinstance(bits, bool) and bits >= FLOOD_BITS
        if op.attrs.get("privacy") != "flooding" or not enough:
            message = (
                f"the client decrypts a result whose noise depends on secrets of "
                f"{', '.join(sorted(operand.label.owners - {'client'}))}: a mask, or flooding of {FLOOD_BITS} bits, "
                f"is needed, the step has {op.attrs.get('privacy')!r} with {bits}"
            )
            self._refuse("PPC2014", message, op)

    def _mask_fits(self, op: Op) -> None:
        """A mask that is uniform modulo Q hides a value unless it wraps, so Q has to be large."""
        level, primes, have = op.attrs.get("level"), self.module.attrs.get("he.prime_bits"), 0
        if isinstance(level, int) and isinstance(primes, tuple) and 0 <= level < len(primes) - 1:
            have = sum(bits for bits in primes[: level + 1] if isinstance(bits, int))
        if have < MASK_MODULUS_BITS:
            self._refuse("PPC2014", f"a mask of {have} bits hides a result, {MASK_MODULUS_BITS} are needed", op)

    def _permission(self, fact: Fact, party: str) -> tuple[set[str], str] | None:
        """The reasons and the line that let `party` learn a value; None where nothing does."""
        if fact.label.flows_to(party):
            return set(), "own secrets only"
        grants = [g for g in self.policy.grants if g.party == party and self._is(fact, g)]
        if grants:
            return {g.because for g in grants}, str(grants[0].at)
        see = self.policy.activations.get(party)
        return ({see.because}, str(see.at)) if see is not None else None

    # the whole plan

    def _dataflow(self) -> None:
        """The steps of a node read exactly what the node reads in the model, so that a result is what its name says.

        A node may be gone: then the steps of the nodes that read it read its operands instead (fused linear maps).
        """
        for node, reads in self.reads.items():
            outside = {origin for origin in reads if origin[0] != node}
            due = self._due(node)
            if node in self.policy.flow and outside != due:
                wrong = sorted(outside ^ due)[0]
                what = f"result {wrong[1]} of '{wrong[0]}'" if wrong[0] else f"input {wrong[1]}"
                verb = "do not read" if wrong in due else "read"
                self.found.append(Diagnostic("PPC2019", f"its steps {verb} {what}, unlike the model", node=node))

    def _due(self, node: str) -> set[Origin]:
        """What the node and those merged into it read of the others."""
        nodes = self._absorbed(node)
        return {origin for n in nodes for origin in self.policy.flow.get(n, ()) if origin[0] not in nodes}

    def _only_carries(self, op: Op, operands: list[Fact]) -> bool:
        """A view of slots may stand for a node of the model (Reshape); then it makes that node's result."""
        own = op.name == "he.view" and bool(operands) and op.loc in self.policy.flow and op.loc != operands[0].origin[0]
        return op.name in CARRIERS and not own

    def _outputs(self) -> None:
        """Each output reaches exactly the parties that the policy names."""
        delivered: list[tuple[str, Op | None]] = [(name, None) for name in self.module.outputs]
        ends = [op for op in self.module.ops if op.name in ("client.output", "server.output")]
        delivered += [(o, op) for op in ends for o in op.operands]
        given: set[tuple[str, str]] = set()
        for name, op in delivered:
            fact = self.facts.get(name)
            if fact is None or fact.domain not in ("client", "server"):
                self._refuse("PPC2017", "an output of the plan that no party sees in clear", op, name)
                continue
            hits = [g for g in self.policy.grants if g.output and g.party == fact.domain and self._is(fact, g)]
            if not hits:
                self._refuse("PPC2016", f"the policy lets no output of this name reach the {fact.domain}", op, name)
            given |= {(g.value, g.party) for g in hits}
        for g in self.policy.grants:
            if g.output and (g.value, g.party) not in given:
                self._refuse("PPC2017", f"the {g.party} never gets this output", None, g.value, line=g.at)

    def _integrity(self) -> None:
        """No party takes part in computing an output that the policy keeps from it."""
        for fact in self.facts.values():
            for rule in self.policy.integrity:
                if rule.origin == fact.origin and rule.party in fact.altered_by:
                    message = f"the {rule.party} takes part in computing this output, so it could alter it"
                    self._refuse("PPC2026", message, None, rule.output, line=rule.at)

    def _is(self, fact: Fact, grant: Grant) -> bool:
        """Is this the value that the grant is about: the same result of the same node, under the name it had, and no
        step on the way to it."""
        return fact.origin == grant.origin and grant.value in fact.names and not fact.names & self.partial

    def _parameters(self) -> None:
        """Trained numbers in attributes are public with the plan."""
        for op in self.module.ops if self.policy.parameter_label.owners else ():
            if held := parameters_of(op):
                self._refuse("PPC2021", f"{', '.join(held)} of this {op.name} would stand in the public plan", op)

    def _security(self) -> None:
        if "he" not in self.used or self.module.stage < Stage.LOWERED:
            return
        have, need = self.module.attrs.get("he.security_bits"), self.policy.security_bits
        if isinstance(have, bool) or not isinstance(have, (int, float)) or have < need:
            self._refuse("PPC2024", f"the HE parameters give {have} bits of security, the policy requires {need}")

    def _refuse(
        self, code: str, message: str, op: Op | None = None, value: str | None = None, *, line: Line | None = None
    ) -> None:
        shown = print_op(op, self.module.values) if op is not None else ""
        excerpt = "\n".join(part for part in (shown, line.text if line else "") if part)
        node = node_name(op) if op is not None else None
        source = str(line) if line else None
        self.found.append(Diagnostic(code, message, node=node, value=value, source=source, excerpt=excerpt or None))
