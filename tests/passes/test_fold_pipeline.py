"""Pipelines: text to passes and back, options checked, stages checked, a callback between passes."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Module, Stage
from ppc.passes import registry
from ppc.passes.base import Pass
from ppc.passes.pipeline import Pipeline, PipelineError
from ppc.passes.registry import PASSES, UnknownPass, pass_class

EMPTY = Module("m", Stage.IMPORTED, (), (), (), {}, {})


@dataclass(frozen=True)
class Sample(Pass):
    """A pass with an option of each kind."""

    name: ClassVar[str] = "sample"
    requires: ClassVar[Stage] = Stage.FOLDED
    ensures: ClassVar[Stage] = Stage.LABELLED

    solver: str = "dp"
    max_rounds: int = 3
    gap: float = 0.5
    strict: bool = False
    targets: tuple[str, ...] = ()

    def run(self, module: Module) -> Module:
        return replace(module, stage=Stage.LABELLED)


@dataclass(frozen=True)
class Liar(Pass):
    """Promises what it does not do."""

    name: ClassVar[str] = "liar"
    requires: ClassVar[Stage] = Stage.IMPORTED
    ensures: ClassVar[Stage] = Stage.FOLDED

    def run(self, module: Module) -> Module:
        return module


@pytest.fixture(autouse=True)
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = {"sample": Sample, "liar": Liar}
    monkeypatch.setattr("ppc.passes.pipeline.pass_class", lambda name: classes.get(name) or pass_class(name))


@pytest.mark.parametrize(
    "text",
    [
        "fold",
        "fold,dce",
        "sample{solver=milp,max-rounds=7}",
        "fold,sample{gap=0.25,strict=true,targets=he+mpc},dce",
        "",
    ],
)
def test_text_to_passes_and_back(text: str) -> None:
    assert str(Pipeline.parse(text)) == text
    assert Pipeline.parse(str(Pipeline.parse(text))) == Pipeline.parse(text)


def test_options_have_the_type_of_their_default() -> None:
    (step,) = Pipeline.parse(" sample { max_rounds = 9 , strict , gap=2 } ").passes
    assert step == Sample(max_rounds=9, strict=True, gap=2.0)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sample{rounds=1}", "no option 'rounds'; it has: solver, max-rounds"),
        ("sample{max-rounds=x}", "takes a int, not 'x'"),
        ("fold{x=1}", "it has: none"),
        ("fold,,dce", "column 6"),
        ("fold{", "column 1"),
        ("fold;import os", "column 1"),
    ],
)
def test_bad_text_is_refused_with_the_place(text: str, part: str) -> None:
    with pytest.raises(PipelineError, match=part.replace("{", r"\{")):
        Pipeline.parse(text)


def test_an_unknown_pass_has_neighbours() -> None:
    with pytest.raises(UnknownPass, match="did you mean fuse-gelu"):
        Pipeline.parse("fuse-gelo")


def test_stages_are_checked_on_both_sides() -> None:
    with pytest.raises(InternalError, match="takes a module that is folded, not imported"):
        Pipeline.parse("sample").run(EMPTY)
    with pytest.raises(InternalError, match="promises a module that is folded"):
        Pipeline.parse("liar").run(EMPTY)


def test_the_callback_sees_every_step() -> None:
    seen: list[tuple[str, Stage]] = []
    result = Pipeline.parse("fold,sample").run(EMPTY, lambda step, module, s: seen.append((step.name, module.stage)))
    assert seen == [("fold", Stage.FOLDED), ("sample", Stage.LABELLED)]
    assert result.stage is Stage.LABELLED


@pytest.mark.parametrize("name", [n for n, row in PASSES.items() if row.startswith("ppc.passes.")])
def test_every_row_names_a_pass_with_a_doc(name: str) -> None:
    found = pass_class(name)
    assert found.name == name and found.requires <= found.ensures
    module = __import__(found.__module__, fromlist=["x"])
    assert module.__doc__ or found.__doc__


def test_a_row_that_names_something_else_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PASSES, "wrong", "ppc.passes.dce:Dce")
    with pytest.raises(InternalError, match="not the pass of that name"):
        pass_class("wrong")
