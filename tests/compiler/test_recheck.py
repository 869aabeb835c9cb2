"""A plan judged from its files alone: whatever somebody made of plan.json, it is judged or refused, with a code."""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ppc.compiler.artefacts import Compiled
from ppc.compiler.codegen import manifest as plan_json
from ppc.compiler.codegen.emit import emit
from ppc.compiler.codegen.header import header
from ppc.compiler.driver import Request, compile_model, read_model, read_policy
from ppc.compiler.recheck import judge, read_back, same_text
from ppc.compiler.verify import verify_plan
from ppc.ir.diagnostic import UserError
from ppc.ir.policy import ResolvedPolicy

MODELS = Path(__file__).parents[2] / "examples" / "models"
MLP = MODELS / "mlp_relu_breast_cancer.onnx"
MIXED = """output * reveal to client because "asked for"
trust dealer non_colluding
place operator Gemm in he
"""


@pytest.fixture(scope="module")
def plan() -> tuple[Compiled, ResolvedPolicy]:
    request = Request(MLP, MIXED)
    imported, folded = read_model(request)
    return compile_model(request), read_policy(MIXED).policy.resolve(folded, imported)


def stored(compiled: Compiled) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(compiled.manifest_bytes)
    return found


def test_what_is_read_back_is_what_was_written(plan: tuple[Compiled, ResolvedPolicy]) -> None:
    compiled, policy = plan
    manifest = stored(compiled)
    module = read_back(manifest, {}, policy)
    was = compiled.module
    assert [(o.name, o.operands, o.results, dict(o.attrs), o.loc) for o in module.ops] == [
        (o.name, o.operands, o.results, dict(o.attrs), o.loc) for o in was.ops
    ]
    assert {n: (v.type.shape, v.label, v.domain) for n, v in module.values.items()} == {
        n: (v.type.shape, v.label, v.domain) for n, v in was.values.items()
    }
    assert same_text(manifest, module, compiled.plan)
    assert judge(manifest, {}, policy).sees.keys() == {"client", "server", "dealer", "enclave"}


def test_a_reveal_added_to_all_files_alike_is_found(plan: tuple[Compiled, ResolvedPolicy], tmp_path: Path) -> None:
    """Hashes fit, plan.py is the text of the steps, and still: nobody allowed that the client learns this."""
    compiled, policy = plan
    manifest = stored(compiled)
    at, step = next((i, s) for i, s in enumerate(manifest["steps"]) if s["step"] == "mpc.Relu")
    leak = {**step, "step": "reveal.mpc_to_client", "op": "", "operands": step["results"], "results": ["leak"]}
    leak["attrs"] = {"because": "asked for"}
    manifest["steps"].insert(at + 1, leak)
    for i, s in enumerate(manifest["steps"], start=1):
        s["id"] = i
    with pytest.raises(UserError) as e:
        judge(manifest, {}, policy)
    assert e.value.diagnostics[0].code == "PPC2016"

    module = read_back(manifest, {}, policy)

    def text(sha256: str) -> str:
        return emit(module, manifest["steps"], f"Plan for {MLP.name}, made by ppc.", header(manifest), sha256, {})

    manifest["program_file"] = plan_json.sha256(text("").encode())
    raw = plan_json.dump(manifest)
    (tmp_path / "plan.json").write_bytes(raw)
    (tmp_path / "plan.py").write_text(text(plan_json.sha256(raw)))
    with pytest.raises(UserError) as e:
        verify_plan(tmp_path / "plan.py", model=MLP, calibrate=None, calibration=None, weights=False)
    assert e.value.diagnostics[0].code == "PPC2016"


def test_another_text_for_the_same_steps_is_found(plan: tuple[Compiled, ResolvedPolicy]) -> None:
    compiled, policy = plan
    manifest = stored(compiled)
    module = read_back(manifest, {}, policy)
    lines = compiled.plan.splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if "p.mpc.Relu" in line)
    wrong = "".join([*lines[:at], lines[at].replace("p.mpc.Relu(", "p.mpc.Relu(x_"), *lines[at + 1 :]])
    assert not same_text(manifest, module, wrong)


@pytest.mark.parametrize("seed", range(3))
def test_any_damage_is_judged_or_refused(plan: tuple[Compiled, ResolvedPolicy], seed: int) -> None:
    compiled, policy = plan
    random, manifest = Random(seed), stored(compiled)
    del manifest["report"]
    refused = 0
    for _ in range(100):
        wrong = copy.deepcopy(manifest)
        _damage(wrong, random)
        try:
            judge(wrong, {}, policy)
        except UserError as e:
            refused += 1
            assert all(d.code.startswith("PPC2") for d in e.diagnostics)
    assert refused > 30


def _damage(j: Any, random: Random) -> None:
    """One field somewhere in the steps, the weights or the HE parameters replaced or gone."""
    at = j[random.choice(["steps", "steps", "weights", "he"])]
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = random.choice(keys)
        below = at[key]
        if isinstance(below, dict | list) and below and random.random() < 0.8:
            at = below
            continue
        if random.random() < 0.3:
            del at[key]
        else:
            at[key] = random.choice([None, -1, 1 << 70, "x", "@", [], {}, 0.5, True, float("nan"), [[1]], "mpc.Relu"])
        return
