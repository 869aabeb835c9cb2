"""Policies, models and plans that must be refused. The first line of each names the code:

policies/*.policy    `# ERROR: PPC2005`, then a policy for model.onnxtxt
models/*.onnxtxt     `# ERROR: PPC1008`, perhaps `# POLICY:` lines (none: the default policy), then a model as text
plans/*.ppc          `// ERROR: PPC2023`, then a module and how to judge it, as tests/conftest.py reads golden files
"""

import re
from pathlib import Path

import onnx.parser
import pytest
from golden_run import run_golden

import ppc
from ppc.ir.codes import all_codes, placement, policy, text
from ppc.ir.diagnostic import UserError

HERE = Path(__file__).parent
POLICIES, MODELS, PLANS = (sorted((HERE / f).iterdir()) for f in ("policies", "models", "plans"))


def expected(file: Path) -> str:
    found = re.match(r"(?://|#) ERROR: (PPC\d{4})\n", file.read_text(encoding="utf-8"))
    assert found, f"the first line of {file.name} names no code"
    return found[1]


def model(file: Path) -> onnx.ModelProto:
    return onnx.parser.parse_model(file.read_text(encoding="utf-8"))


def compile_policy(file: Path) -> None:
    ppc.compile(model(HERE / "model.onnxtxt"), file)


def compile_model(file: Path) -> None:
    lines = re.findall(r"^# POLICY: (.*\n)", file.read_text(encoding="utf-8"), re.M)
    ppc.compile(model(file), "".join(lines) or None)


RUN = {".policy": compile_policy, ".onnxtxt": compile_model, ".ppc": run_golden}


@pytest.mark.parametrize("file", [*POLICIES, *MODELS, *PLANS], ids=lambda f: f"{f.parent.name}/{f.stem}")
def test_is_refused_with_the_code_that_it_names(file: Path) -> None:
    with pytest.raises(UserError) as caught:
        RUN[file.suffix](file)
    found = [d for d in caught.value.diagnostics if d.code == expected(file)]
    assert found, str(caught.value)
    if file.suffix == ".policy" and found[0].code.startswith("PPC2") and found[0].code != "PPC2011":
        assert re.fullmatch(rf"{file.name}:\d+:\d+", found[0].source or ""), "it says where"


def test_the_model_of_the_policies_is_accepted() -> None:
    """So that each policy fails for its own sake."""
    ppc.compile(model(HERE / "model.onnxtxt"))


def test_every_code_of_the_compiler_has_a_file() -> None:
    shown = {expected(file) for file in (*POLICIES, *MODELS, *PLANS)}
    ours = {row.code for table in (policy, text) for row in table.CODES}
    ours |= {row.code for row in placement.CODES} - {
        "PPC3005",  # a warning
        "PPC3006",  # takes a minute
        "PPC3007",  # a note
    }
    assert ours - shown == set() and shown <= all_codes().keys()
    assert len(POLICIES) + len(MODELS) >= 60
