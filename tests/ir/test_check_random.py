"""The final check on random placements, against a second opinion: both must agree, whatever the verdict."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ppc.ir.check import check
from ppc.ir.diagnostic import UserError
from ppc.ir.module import Module, Op, Stage, Value
from ppc.ir.parser import parse
from ppc.ir.policy import parse_policy
from ppc.ir.printer import print_module
from ppc.ir.types import Domain
from ppc.runtime.schema import steps

SOURCE = parse((Path(__file__).parents[1] / "golden" / "source.ppc").read_text(encoding="utf-8"))
OUT = 'output "y" reveal to client because "r"\n'

Term = tuple[object, ...]


def seen_terms(m: Module) -> dict[str, set[Term]] | None:
    """A second opinion, from the schema alone: the terms over the input that each party holds in clear.

    None where a step reads another representation than was written: nothing can be said of such a plan.
    """
    terms: dict[str, Term] = {"x": ("x",)}
    where = {"x": "client"}
    seen: dict[str, set[Term]] = {"client": {("x",)}, "server": set(), "tee": set()}
    for op in m.ops:
        domain = op.name.split(".")[0]
        spec = steps().get(op.name) or steps().get(domain + ".*")
        values = [o for o in op.operands if not o.startswith("@")]
        if spec is None or any(where.get(o) != spec.reads for o in values):
            return None
        carries = domain in ("convert", "reveal") or op.name == "he.drop"
        term = terms[values[0]] if carries else (op.loc, *(terms[o] for o in values))
        for r in op.results:
            terms[r], where[r] = term, spec.writes or ""
            seen.get(where[r], set()).add(term)
    return seen


def source_terms() -> dict[str, Term]:
    found: dict[str, Term] = {"x": ("x",)}
    for op in SOURCE.ops:
        found[op.results[0]] = (op.loc, *(found[o] for o in op.operands if not o.startswith("@")))
    return found


LINES = {
    "mpc": "trust dealer non_colluding\n",
    "tee": "allow simulated tee\n",
    "see": 'allow client to see activations because "r"\n',
    "z": 'reveal "z" to client because "r"\n',
    "a": 'reveal "fc1" to client because "r"\n',
    "b to server": 'reveal "b" to server because "r"\n',
}
PAIRS = {(spec.reads, spec.writes): spec for spec in steps().values() if spec.name.startswith(("convert.", "reveal."))}


def random_plan(random: Random) -> Module | None:
    """The model with every node somewhere, and the conversions that this takes; None where there is none."""
    ops: list[Op] = []
    values = {"x": Value(SOURCE.values["x"].type, SOURCE.values["x"].label, Domain.CLIENT)}

    def move(name: str, target: Domain) -> str | None:
        domain = values[name].domain
        assert domain is not None
        if domain is target:
            return name
        spec = PAIRS.get((domain.value, target.value))
        if spec is None:  # through shares, where neither end is shares
            shares = move(name, Domain.MPC) if Domain.MPC not in (domain, target) else None
            return move(shares, target) if shares else None
        attrs = {"because": "r", "privacy": "flooding", "flood_bits": 40} if spec.reveals else {}
        fresh = f"v{len(ops)}"
        ops.append(Op(spec.name, (name,), (fresh,), attrs))
        values[fresh] = replace(values[name], domain=target)
        return fresh

    likely = random.choices(list(Domain), k=2)
    for op in SOURCE.ops:
        domain = random.choice([*likely, *likely, *Domain])
        operands = [o if o.startswith("@") else move(o, domain) for o in op.operands]
        if None in operands:
            return None
        name = "he.linear" if domain is Domain.HE else f"{domain}.{op.name}"
        ops.append(replace(op, name=name, operands=tuple(filter(None, operands))))
        values[op.results[0]] = replace(SOURCE.values[op.results[0]], domain=domain)
    end = move("y", Domain.CLIENT)
    attrs = {"he.security_bits": 128}
    return Module("m", Stage.LOWERED, ("x",), (end,), tuple(ops), values, SOURCE.constants, attrs) if end else None


def second_opinion(m: Module, lines: set[str]) -> bool:
    """Is the plan legal under these lines: from the schema, the terms that parties hold, and nothing of the check."""
    seen, source = seen_terms(m), source_terms()
    assert seen is not None
    domains = {op.name.split(".")[0] for op in m.ops} | {op.name.rpartition("_")[2] for op in m.ops}
    if ("mpc" in domains and "mpc" not in lines) or ("tee" in domains and "tee" not in lines):
        return False
    if any(op.name.startswith("client.") and any(o.startswith("@") for o in op.operands) for op in m.ops):
        return False
    client = {source[v] for v in "xsy"} | {source[v] for v in "za" if v in lines}
    client |= set(source.values()) if "see" in lines else set()
    server = {source["b"]} if "b to server" in lines else set()
    made = {op.results[0] for op in m.ops if op.name.startswith(("client.", "server."))}
    held = {"client": client, "server": server}
    terms: dict[str, Term] = {"x": ("x",)}
    for op in m.ops:
        values = [o for o in op.operands if not o.startswith("@")]
        carries = op.name.startswith(("convert.", "reveal."))
        term = terms[op.operands[0]] if carries else (op.loc, *(terms[o] for o in values))
        terms[op.results[0]] = term
        party = op.name.rpartition("_to_")[2]
        if carries and party in held and op.results[0] not in made and term not in held[party]:
            return False
    return True


def passes(m: Module, policy: str) -> bool:
    try:
        check(m, parse_policy(policy).resolve(SOURCE))
    except UserError:
        return False
    return True


@pytest.mark.parametrize("seed", range(4))
def test_random_placements_are_judged_as_a_second_opinion_judges_them(seed: int) -> None:
    random, verdicts = Random(seed), []
    for _ in range(1500):
        m = random_plan(random)
        lines = {name for name in LINES if random.random() < 0.6}
        if m is not None:
            policy = OUT + "".join(LINES[name] for name in sorted(lines))
            verdict = passes(m, policy)
            assert verdict == second_opinion(m, lines), f"{verdict}\n{policy}{print_module(m)}"
            verdicts.append(verdict)
    assert 50 < sum(verdicts) < len(verdicts) - 50
