"""plan.json is what its schema and docs/plan-format.md say."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ppc.compiler.driver import Request, compile_model

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads(files("ppc.compiler.codegen").joinpath("plan.schema.json").read_text(encoding="utf-8"))
OUT = 'output * reveal to client because "asked for"\n'
PLANS = {
    "three engines": ("lenet5_relu_maxpool_mnist", ROOT / "examples" / "policies" / "he_mpc_tee.ppc", 1),
    "default": ("transformer_sms", None, 1),
    "hardware": ("logreg_heart", OUT + 'assume tee sev_snp measured "9f3a"\nallow tee', 4),
    "public weights": ("logreg_heart", OUT + "weight * public\nallow he", 1),
}


def manifest(name: str) -> dict[str, Any]:
    model, policy, batch = PLANS[name]
    compiled = compile_model(Request(ROOT / "examples" / "models" / f"{model}.onnx", policy, batch=batch))
    found: dict[str, Any] = json.loads(compiled.manifest_bytes)
    return found


@pytest.mark.parametrize("name", PLANS)
def test_plans_are_as_the_schema_says(name: str) -> None:
    jsonschema.validate(manifest(name), SCHEMA)


def test_the_schema_is_one_and_refuses_what_is_none() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    plan = manifest("default")
    wrong: list[dict[str, Any]] = [{**plan, "format": "2.0"}, {**plan, "more": 1}, {**plan, "batch": 0}]
    wrong.append({k: v for k, v in plan.items() if k != "policy"})
    reveal = next(s for s in plan["steps"] if s["step"].startswith("reveal."))
    wrong += [{**plan, "steps": [{**reveal, "attrs": {}}]}, {**plan, "steps": [{**reveal, "step": "os.system"}]}]
    for one in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(one, SCHEMA)


def test_the_document_names_every_field() -> None:
    text = (ROOT / "docs" / "plan-format.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    assert set(SCHEMA["properties"]) - named == set()
    assert set(SCHEMA["properties"]["report"]["properties"]) - named == set()
    (example,) = re.findall(r"```json\n(.*?)```", text, re.S)
    jsonschema.validate(json.loads(example), SCHEMA["properties"]["steps"]["items"])
