"""The measurement: what changes it, and what must not."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ppc.runtime.tee import measure

PLAN: dict[str, Any] = {
    "model": "caf\u00e9 \ud800",  # names are hostile
    "steps": [{"step": "tee.Relu", "attrs": {"axis": (1, 2)}}],
    "policy": {"hash": "sha256:aa"},
    "server_file": "sha256:bb",
    "he": {"scale": 2.0**40 + 0.1, "galois": {9: [1], 10: [2]}},
    "tee": {"kind": "simulated", "allow_simulated": True},
}


def test_a_manifest_read_back_measures_the_same_with_the_value_in_it() -> None:
    value = measure.measurement(PLAN)
    written = copy.deepcopy(PLAN)
    written["tee"]["measurement"] = value
    assert len(value) == 96 and measure.measurement(json.loads(json.dumps(written))) == value


@pytest.mark.parametrize("path", ["steps", "policy", "server_file", "he", "tee"])
def test_every_part_of_the_plan_counts(path: str) -> None:
    other = copy.deepcopy(PLAN) | {path: {"kind": "x"}}
    assert measure.measurement(other) != measure.measurement(PLAN)


@pytest.mark.parametrize("part", ["python", "numpy", "cryptography", "code", "manifest"])
def test_every_component_counts(part: str) -> None:
    parts = measure.components(PLAN)
    assert measure.digest(parts | {part: "other"}) != measure.digest(parts)


def test_code_counts_by_name_and_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure.runtime, "__path__", [str(tmp_path)])
    seen = set()
    for name, content in (("a.py", "x"), ("a.py", "y"), ("b.py", "y"), ("sub/b.py", "y")):
        for old in tmp_path.rglob("*.py"):
            old.unlink()
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
        measure._code_digest.cache_clear()
        seen.add(measure.components(PLAN)["code"])
    measure._code_digest.cache_clear()
    assert len(seen) == 4
