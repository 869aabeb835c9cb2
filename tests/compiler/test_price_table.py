"""Which table a compilation uses, and that the plan says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from ppc.compiler import api, price_table
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.measure.machine import fingerprint
from ppc.compiler.verify import verify_plan
from ppc.ir.diagnostic import UserError
from ppc.targets.prices import Prices

MODEL = Path(__file__).parents[2] / "examples" / "models" / "logreg_heart.onnx"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PPC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def measured(**facts: Any) -> dict[str, Any]:
    """A table of this machine, with another price."""
    shipped = Prices.shipped()
    mpc = {**shipped.mpc, "round": 2 * shipped.mpc["round"]}
    return {**shipped.to_json(), "mpc": mpc, "date": "2020-02-02", "machine": fingerprint(), **facts}


def test_without_any_the_shipped_one() -> None:
    table = price_table.choose()
    assert table.prices is Prices.shipped() and not table.notes
    assert table.summary["table"] == "shipped"


def test_the_stored_one_of_this_machine() -> None:
    price_table.save(price_table.stored_path(), measured())
    table = price_table.choose()
    assert table.prices.mpc["round"] == 2 * Prices.shipped().mpc["round"] and not table.notes
    assert table.summary["table"] == "measured" and table.summary["date"] == "2020-02-02"


def test_a_stored_one_of_another_machine_is_not_used_and_that_is_said() -> None:
    price_table.save(price_table.stored_path(), measured(machine={**fingerprint(), "cpu": "Abacus 9"}))
    table = price_table.choose()
    assert table.prices is Prices.shipped()
    (note,) = table.notes
    assert note.code == "PPC5023" and note.severity == "note" and "Abacus 9" in note.message


def test_a_named_one_of_another_machine_is_used_and_that_is_said(tmp_path: Path) -> None:
    price_table.save(tmp_path / "t.json", measured(machine={**fingerprint(), "cores": 999}))
    table = price_table.choose(tmp_path / "t.json")
    assert table.summary["table"] == "measured"
    assert [n.code for n in table.notes] == ["PPC5023"] and "999" in table.notes[0].message


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b"{}", b" " * (2 << 20)])
def test_a_damaged_file_is_an_error_of_the_user(content: bytes, home: Path) -> None:
    home.mkdir()
    (home / "calibration.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        price_table.choose()
    (found,) = caught.value.diagnostics
    assert found.code == "PPC5022" and "ppc calibrate" in str(found.help) and str(home) not in str(found)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        price_table.choose(tmp_path / "absent.json")
    assert caught.value.diagnostics[0].code == "PPC5022"


def test_where_it_is_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PPC_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert price_table.stored_path() == tmp_path / "ppc" / "calibration.json"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert price_table.stored_path() == tmp_path / ".config" / "ppc" / "calibration.json"


def test_written_as_lines_that_can_be_read(tmp_path: Path) -> None:
    price_table.save(tmp_path / "deep" / "t.json", measured())
    text = (tmp_path / "deep" / "t.json").read_text()
    assert json.loads(text) == measured() and max(map(len, text.splitlines())) < 400


def test_the_plan_says_which_prices_and_is_verified_with_them(tmp_path: Path) -> None:
    price_table.save(tmp_path / "t.json", measured())
    compiled = api.compile(MODEL, calibration=tmp_path / "t.json")
    said = compiled.report["prices"]
    assert said["table"] == "measured" and said["date"] == "2020-02-02" and not said["busy"]
    assert "cpu" not in said  # a plan is public
    plan = compiled.save(tmp_path / "plan.py")
    verify = {"model": MODEL, "calibrate": None, "weights": True}
    assert "same bytes" in verify_plan(plan, calibration=tmp_path / "t.json", **verify)[-1]
    with pytest.raises(UserError) as caught:
        verify_plan(plan, calibration=None, **verify)
    assert caught.value.diagnostics[0].code == "PPC5006" and "--calibration" in str(caught.value)
    price_table.save(price_table.stored_path(), measured())
    assert "same bytes" in verify_plan(plan, calibration=None, **verify)[-1]


def test_prices_change_the_prediction(tmp_path: Path) -> None:
    price_table.save(tmp_path / "t.json", measured())
    shipped, other = (
        compile_model(Request(MODEL, targets=("mpc", "client"))),
        api.compile(MODEL, targets=("mpc", "client"), calibration=tmp_path / "t.json"),
    )
    assert other.report["predicted"]["seconds"] > shipped.report["predicted"]["seconds"]
