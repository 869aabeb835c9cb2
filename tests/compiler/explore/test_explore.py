"""The price of trust: which policies are compared, and what is said of their plans."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from ppc.compiler.driver import Request, plan_model
from ppc.compiler.explore.plot import panel
from ppc.compiler.explore.run import Exploration, Row, front, group
from ppc.compiler.explore.settings import AS_GIVEN, settings, trusted
from ppc.compiler.explore.show import render_html
from ppc.compiler.report.build import predicted
from ppc.ir.diagnostic import UserError
from ppc.ir.policy import DEFAULT, parse_policy, print_policy

MODELS = Path(__file__).parents[3] / "examples" / "models"
MLP = MODELS / "mlp_relu_breast_cancer.onnx"
OUT = 'output * reveal to client because "asked for"\n'


def by_name(text: str) -> dict[str, str]:
    return {s.name: print_policy(s.policy) for s in settings(parse_policy(text))}


def test_every_combination_and_each_other_requirement() -> None:
    found = settings(DEFAULT)
    assert len({s.trusts for s in found}) == 9 and len(found) == 11
    others = {"+ non_interactive", "+ public weights", "+ operators"}
    assert {s.name for s in found} >= {AS_GIVEN, "− dealer", "+ enclave"} | others
    given = next(s for s in found if s.name == AS_GIVEN)
    assert given.policy == DEFAULT and given.trusts == {"dealer"}
    assert [s.name for s in found if len(s.trusts) == 3] == ["+ enclave, + activations"], "the most trust comes first"


def test_shares_may_be_held_by_two_others() -> None:
    given = OUT + "party client, server, dealer\ntrust dealer non_colluding\n"
    added = next(s for s in settings(parse_policy(given)) if s.name == "+ operators")
    text = print_policy(added.policy)
    assert "trust compute0 non_colluding" in text and "trust compute1 non_colluding" in text
    (row,) = [r for r in group(Request(MLP, added.policy)) if r.setting == AS_GIVEN]
    assert row.relies_on == ("dealer", "operators") and not row.online and row.domains == {"mpc": 5}
    assert not [s for s in settings(added.policy) if s.name == "+ operators"], "they are there already"


def test_adding_opens_what_the_policy_closes() -> None:
    found = by_name(OUT + "party client, server\nallow he, client\ndeny tee, server\n")
    added = found["+ dealer, + enclave"]
    for line in (
        "party dealer",
        "trust dealer non_colluding",
        "allow he, client, mpc, tee",
        "deny server",
        "assume tee",
    ):
        assert line in added, line
    assert "deny tee" not in added and "deny tee, server" in found["+ dealer"]


def test_dropping_takes_the_statement_away() -> None:
    text = (
        OUT + "trust dealer non_colluding\nallow simulated tee\nrequire non_interactive\nplace operator Conv in tee\n"
    )
    found = by_name(text)
    assert "dealer" not in found["− dealer"] and "simulated" not in found["− enclave"]
    assert "non_interactive" not in found["− non_interactive"] and "place" not in found["− pins"]
    assert trusted(parse_policy(OUT + "trust dealer malicious")) == set()
    assert trusted(parse_policy("party h is client, s is server\n" + OUT.replace("client", "h"))) == set()


def test_every_policy_that_is_explored_parses() -> None:
    text = "party hospital is client, cloud is server\n" + OUT.replace("client", "hospital") + "allow he, client\n"
    for s in settings(parse_policy(text)):
        assert parse_policy(print_policy(s.policy)).statements == s.policy.statements


def row(name: str, seconds: float, traffic: float, *relies: str, online: bool = False) -> Row:
    return Row(name, "lan", 1, relies, relies, seconds, traffic, online=online)


def test_the_front_is_what_nothing_beats() -> None:
    rows = [
        row("cheap", 1.0, 10.0, "dealer"),
        row("slower and more to trust", 2.0, 10.0, "dealer", "enclave"),
        row("slower, but trusts another", 2.0, 10.0, "enclave"),
        row("slower, nothing to trust", 3.0, 20.0),
        row("the same, and online", 3.0, 20.0, online=True),
        replace(row("none", 1.0, 1.0), seconds=None, traffic=None, refused="PPC3001: no"),
    ]
    best = [r.setting for r in front(rows) if r.best]
    assert best == ["cheap", "slower, but trusts another", "slower, nothing to trust"]


@pytest.fixture(scope="module")
def explored() -> list[Row]:
    return group(Request(MLP, network="lan"))


def test_plans_that_are_taken_over_are_those_that_would_be_found(explored: list[Row]) -> None:
    """Settings that offer less, but all that the best plan uses, are not solved again: here each is."""
    policies = {s.name: s.policy for s in settings(DEFAULT)}
    for r in explored:
        try:
            plan = plan_model(Request(MLP, policies[r.setting], network="lan"))
        except UserError as e:
            assert r.refused.startswith(e.diagnostics[0].code)
            continue
        assert predicted(plan.findings)["seconds"] == pytest.approx(r.seconds), r.setting
    assert explored[0].setting == AS_GIVEN
    assert any(set(r.relies_on) < set(r.trusts) for r in explored if r.seconds is not None)


def test_pins_that_allow_no_plan_are_dropped_and_said() -> None:
    policy = OUT + "trust dealer non_colluding\nallow simulated tee\nplace operator Relu in mpc\n"
    rows = {r.setting: r for r in group(Request(MLP, policy, network="lan"))}
    assert rows["− dealer"].pins_dropped and rows["− dealer"].relies_on == ("enclave",)
    assert not rows[AS_GIVEN].pins_dropped and "dealer" in rows[AS_GIVEN].relies_on


def test_the_page_stands_alone_and_hostile_names_are_text(explored: list[Row]) -> None:
    page = render_html(Exploration("<script>alert(1)</script>\x1b[31m", tuple(explored)))
    assert "<script" not in page and "\x1b" not in page and "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    svg = ElementTree.fromstring(panel(explored))
    points = [g for g in svg.iter("g")]
    assert len(points) == len({(r.relies_on, r.seconds, "weights" in r.setting) for r in explored if r.seconds})
    for circle in svg.iter("circle"):
        assert 0 < float(circle.attrib["cx"]) < 560 and 0 < float(circle.attrib["cy"]) < 380


def test_the_command(tmp_path: Path) -> None:
    from ppc.compiler.cli.app import app

    line = ["explore", str(MODELS / "logreg_heart.onnx"), "--network", "policy", "--batch", "1"]
    done = CliRunner().invoke(app, [*line, "--json", "--html", str(tmp_path / "x.html")])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
    assert {r["network"] for r in found["rows"]} == {"policy"} and len(found["rows"]) == 11
    assert {"seconds", "traffic", "relies_on", "best", "refused"} <= set(found["rows"][0])
    assert "<svg" in (tmp_path / "x.html").read_text()
    done = CliRunner().invoke(app, line)
    assert re.search(r"as given +dealer", done.output), done.output
    assert CliRunner().invoke(app, [*line, "--batch", "none"]).exit_code == 2
