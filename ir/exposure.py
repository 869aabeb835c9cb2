"""What a finished plan shows besides values in clear: what parties hold without reading it, what the plan itself and
its traffic tell, and who could alter a result. From the lowered steps alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from ppc.ir.label import PUBLIC
from ppc.ir.module import Module, Op
from ppc.ir.policy.ast import AllowParameters
from ppc.ir.policy.bind import ResolvedPolicy
from ppc.ir.types import Domain
from ppc.runtime.places import OUTSOURCED, OWNERS, Holders
from ppc.runtime.schema import step_spec

_SHARE = ("shares", "one of two shares; each is uniformly random on its own")

#: Why a party that holds a value in a representation cannot read it.
OPAQUE = {
    ("server", "he"): ("ciphertexts", "encrypted under the client's key, which never leaves the client"),
    **{(party, "mpc"): _SHARE for party in (*OWNERS, *OUTSOURCED)},
}
WEIGHTS = ("masked copies", "weights minus a mask; each of the two holders of shares has one uniform part of it")
MASKED = ("masked results", "decrypted under a mask of the server that is uniform modulo Q")

#: Operators of MPC whose traffic grows with the number of comparisons.
COMPARING = frozenset(
    "Relu LeakyRelu PRelu Clip Abs Sign HardSigmoid MaxPool ReluMaxPool GlobalMaxPool ReduceMax ReduceMin ArgMax "
    "ArgMin Max Min TopK Less LessOrEqual Greater GreaterOrEqual Equal Softmax LogSoftmax Hardmax".split()
)


@dataclass(frozen=True, slots=True)
class Holding:
    """Values that a party holds and cannot read."""

    what: str  # "ciphertexts"
    values: int
    why: str


@dataclass(frozen=True, slots=True)
class Soundness:
    """Who takes part in computing an output, and so could alter it unseen; everybody may choose its own inputs."""

    output: str
    party: str  # who receives it
    altered_by: tuple[str, ...]


def holdings(module: Module, pair: Holders) -> Mapping[str, tuple[Holding, ...]]:
    """By party: what it holds as ciphertexts, shares or under a mask. `pair`: the holders of shares."""
    held: Counter[tuple[str, str, str]] = Counter()
    for value in module.values.values():
        for (party, domain), (what, why) in OPAQUE.items():
            if value.domain is not None and value.domain.value == domain and (domain != "mpc" or party in pair):
                held[party, what, why] += 1
    if pair == OUTSOURCED:
        weights = {o for op in module.ops if op.domain is Domain.MPC for o in op.operands if o.startswith("@")}
        for party in pair:
            held[party, *WEIGHTS] += len(weights)
    for op in module.ops:
        if op.name == "convert.he_to_mpc" or (op.name.startswith("reveal.he") and op.attrs.get("privacy") == "masking"):
            held["client", *MASKED] += 1
    found: dict[str, list[Holding]] = {}
    for (party, what, why), n in held.items():
        if n:
            found.setdefault(party, []).append(Holding(what, n, why))
    return {party: tuple(rows) for party, rows in found.items()}


def leaks(module: Module, policy: ResolvedPolicy) -> Iterator[str]:
    """What every party, or who watches the network, learns whatever the data: metadata of the plan and of a run."""
    computing = [op for op in module.ops if op.operands and not op.name.startswith(("convert.", "reveal."))]
    yield (
        f"the plan is public: {len(module.ops)} steps with operators, wiring, shapes, scalar attributes and placement, "
        "so the architecture of the model is known to every party"
    )
    secret = {o for op in computing for o in op.operands if o.startswith("@") and module.constants[o].label != PUBLIC}
    if secret:
        numbers = sum(prod(module.constants[o].type.shape) for o in secret)
        yield f"shapes of {len(secret)} secret weights ({numbers} numbers as they are stored) stand in the plan"
    if "model_sha256" in module.attrs:
        yield "the plan names its model by hash: who has the model file recognises it"
    ranged = sum("lo" in op.attrs and (op.attrs["lo"], op.attrs.get("hi")) != (-1.0, 1.0) for op in module.ops)
    if ranged:
        yield f"{ranged} calibrated ranges of approximations stand in the plan; they come from calibration data"
    if policy.policy.all(AllowParameters):
        yield "the parameters of trees, scalers and classifiers stand in the plan, as the policy allows"
    sizes = _sizes(module)
    if sizes:
        yield f"the sizes of messages follow from shapes alone; {sizes}"
    compared = sum(_elements(module, op) for op in computing if _compares(op))
    if compared:
        yield f"traffic shows the number of comparisons: {compared} values a pass, the same for every input"
    yield (
        "every party, and who watches the network, learns when a run takes place, how long each step takes and how "
        "many samples it has; no step is skipped, repeated or chosen by data"
    )


def _sizes(module: Module) -> str:
    kinds = Counter(op.name for op in module.ops if _crosses(op))
    return ", ".join(f"{n} × {name}" for name, n in sorted(kinds.items()))


def _crosses(op: Op) -> bool:
    """A step in which a value goes from one party to another."""
    return op.name.startswith(("convert.", "reveal."))


def _compares(op: Op) -> bool:
    domain, _, operator = op.name.partition(".")
    return domain == "mpc" and operator in COMPARING


def _elements(module: Module, op: Op) -> int:
    return prod(module.type_of(op.operands[0]).shape)


def soundness(module: Module, altered_by: Mapping[str, frozenset[str]]) -> Iterator[Soundness]:
    """Of each output: `altered_by` by value."""
    for op in module.ops:
        if op.name.endswith(".output"):
            receiver = step_spec(op.name).reads or ""
            yield Soundness(
                str(op.attrs.get("name") or op.operands[0]), receiver, tuple(sorted(altered_by[op.operands[0]]))
            )
