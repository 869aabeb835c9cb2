"""Plans of the compiler, broken in their placement, a label or a conversion: none that is illegal is accepted."""

from functools import cache
from pathlib import Path
from random import Random

import plan_mutants
import pytest
from plan_mutants import MUTATORS, Base, Mutant

from ppc.compiler.driver import Request, compile_model, read_model, read_policy
from ppc.ir.check import check
from ppc.ir.diagnostic import InternalError, UserError
from ppc.ir.verify import verify
from ppc.passes.candidates import candidates
from ppc.targets.registry import load_targets

EXAMPLES = Path(__file__).parents[2] / "examples"
LENET, LOGREG, MLP = (
    EXAMPLES / "models" / f"{name}.onnx"
    for name in ("lenet5_relu_maxpool_mnist", "logreg_heart", "mlp_relu_breast_cancer")
)
AIDED = (
    'output * reveal to client because "asked for"\nallow client to see activations because "test"\nallow he, client'
)
BASES = {
    "three engines": (LENET, EXAMPLES / "policies" / "he_mpc_tee.ppc"),
    "shares": (LENET, EXAMPLES / "policies" / "mpc.ppc"),
    "shares or enclave": (MLP, 'output * reveal to client because "asked for"\ntrust dealer non_colluding\n'
                               "allow simulated tee\nplace operator Gemm in mpc"),
    "client-aided": (MLP, AIDED),
    "default": (LOGREG, None),
}  # fmt: skip

#: Mutants of each family and plan.
MOST = 60


@cache
def base(name: str) -> Base:
    model, policy = BASES[name]
    request = Request(model, policy)
    imported, folded = read_model(request)
    bound = read_policy(policy).policy.resolve(folded, imported)
    compiled = compile_model(request)
    return Base(name, compiled.module, bound, candidates(compiled.assigned, bound, load_targets()))


def refusal(m: Mutant, b: Base) -> str | None:
    """What the independent check has against it; None where it accepts the plan."""
    try:
        check(m.module, b.policy)
    except UserError as e:
        return e.diagnostics[0].code
    return None


def sample(b: Base, family: str) -> list[Mutant]:
    """Some of every mutator, the same ones in every run."""
    found: list[Mutant] = []
    for mutator in MUTATORS[family]:
        every = list(mutator(b))
        most = MOST // len(MUTATORS[family]) + 1
        found += every if len(every) <= most else Random(1).sample(every, most)
    return found


@pytest.mark.parametrize("name", BASES)
def test_the_plans_are_accepted(name: str) -> None:
    assert refusal(Mutant("as it is", base(name).module), base(name)) is None


@pytest.mark.parametrize("family", MUTATORS)
@pytest.mark.parametrize("name", BASES)
def test_illegal_mutants_are_refused_and_legal_ones_are_not(name: str, family: str) -> None:
    b = base(name)
    for mutant in sample(b, family):
        code = refusal(mutant, b)
        assert (code is None) == mutant.legal, f"{mutant.what}: {code or 'accepted'}"


def test_there_are_500_of_them_and_most_are_illegal() -> None:
    found = [m for name in BASES for family in MUTATORS for m in sample(base(name), family)]
    assert sum(not m.legal for m in found) >= 500
    assert sum(m.legal for m in found) >= 25, "the check does not refuse everything"


def test_a_claim_that_is_too_strong_is_a_bug_and_not_a_leak() -> None:
    """The policy check accepts a label that is stronger than need be; the rules of the IR do not."""
    b = base("default")
    stronger = [m for m in plan_mutants.labels(b) if m.legal]
    assert stronger
    for mutant in stronger:
        with pytest.raises(InternalError, match="label"):
            verify(mutant.module)
