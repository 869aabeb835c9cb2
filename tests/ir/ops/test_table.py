"""The operator table is complete, and says the same as the kernels."""

import inspect
from importlib import import_module

import numpy as np
import pytest

from ppc.ir.label import PUBLIC, Label
from ppc.ir.opdef import Kind, OpDef
from ppc.ir.ops import OPS, UnknownOp, opdef
from ppc.ir.ops.declare import MANY
from ppc.ir.parameters import PARAMETERS
from ppc.runtime.kernels import KERNELS, kernel

#: Their results depend on static shapes and attributes alone.
PUBLIC_RESULTS = {"Shape", "Size", "EyeLike"}


def test_every_operator_has_a_kernel_and_every_kernel_an_operator() -> None:
    assert set(OPS) == set(KERNELS)


@pytest.mark.parametrize("name", OPS)
def test_row_is_complete(name: str) -> None:
    row = opdef(name)
    low, high = row.arity
    assert row.name == name
    assert row.doc.endswith(".") and len(row.doc) > 4
    assert isinstance(row.kind, Kind)
    assert 0 <= low <= high <= MANY
    assert len({a.name for a in row.attrs}) == len(row.attrs)
    for spec in row.attrs:
        assert spec.required or spec.default is None or isinstance(spec.default, spec.type)


@pytest.mark.parametrize("name", OPS)
def test_attributes_and_defaults_are_those_of_the_kernel(name: str) -> None:
    function, specs = kernel(name), opdef(name).attrs
    if KERNELS[name].startswith("numpy"):
        assert specs == ()
        return
    given = inspect.signature(function).parameters.values()
    trained = PARAMETERS.get(name, ())
    assert tuple(p.name for p in given if p.kind is not p.KEYWORD_ONLY)[1:] == trained or not trained
    parameters = [p for p in given if p.kind is p.KEYWORD_ONLY]
    kernel_side = {p.name: ("required", None) if p.default is p.empty else ("default", p.default) for p in parameters}
    table_side = {
        a.name: ("required", None) if a.required else ("default", a.default) for a in specs if a.name not in trained
    }
    assert repr(sorted(kernel_side.items())) == repr(sorted(table_side.items()))  # repr: NaN is a default


@pytest.mark.parametrize("name", OPS)
def test_operands_fit_the_kernel(name: str) -> None:
    function, (low, high) = kernel(name), opdef(name).arity
    if isinstance(function, np.ufunc):
        assert low == high == function.nin
        return
    if KERNELS[name].startswith("numpy"):
        return
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        assert high == MANY
    else:
        required = sum(p.default is p.empty and p.name not in PARAMETERS.get(name, ()) for p in positional)
        assert (low, high) == (required, len(positional))


@pytest.mark.parametrize("name", OPS)
def test_label_rule_lets_no_secret_vanish(name: str) -> None:
    rule = opdef(name).label
    result = rule([Label.secret("client"), Label.secret("server")])
    assert result == (PUBLIC if name in PUBLIC_RESULTS else Label.secret("client", "server"))
    assert rule([]) == PUBLIC


def test_rows_are_where_the_table_says_and_nowhere_else() -> None:
    declared = set()
    for path in {row.partition(":")[0] for row in OPS.values()}:
        module = import_module(path)
        declared |= {row.name for row in vars(module).values() if isinstance(row, OpDef)}
    assert declared == set(OPS)


def test_an_unknown_operator_is_a_key_error_with_a_suggestion() -> None:
    with pytest.raises(UnknownOp, match="no operator 'Sofmax'; did you mean Softmax"):
        opdef("Sofmax")
    assert issubclass(UnknownOp, KeyError)
