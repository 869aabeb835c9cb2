"""`ppc ops` and docs/ops.md say what the tables say."""

from pathlib import Path

from typer.testing import CliRunner

from ppc.compiler.cli.app import app
from ppc.compiler.ops_table import markdown, rows
from ppc.ir.ops import OPS
from ppc.targets.mpc.ops import OPS as MPC

DOCS = Path(__file__).parents[2] / "docs" / "ops.md"


def test_every_operator_has_a_row_and_what_mpc_runs_is_said() -> None:
    found = {row.name: row for row in rows()}
    assert set(found) == set(OPS)
    assert {name for name, row in found.items() if row.mpc != "no"} == set(MPC) & set(OPS)
    assert found["Relu"].he.startswith("no: ") and found["Gemm"].he == "with constant weights"


def test_the_page_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown(), "run: ppc ops --markdown > docs/ops.md"


def test_the_command_finds_by_part_of_a_name() -> None:
    result = CliRunner().invoke(app, ["ops", "maxpool"])
    assert "MaxPool" in result.output and "Gemm" not in result.output
