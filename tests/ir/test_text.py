"""The text form: parse(print(m)) == m for whatever a module may hold."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ppc.ir.diagnostic import UserError
from ppc.ir.label import Label
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.parser import parse
from ppc.ir.printer import INLINE, NUMPY, print_module
from ppc.ir.types import DTYPES, Domain, TensorType

hostile = st.one_of(
    st.text(max_size=12),
    st.sampled_from(['x"); import os #', "\x00\x1b[31m", "\u202e\ud800", "a\nb", "//", "\\", "{}", "true", "in", ""]),
)
names = hostile.filter(lambda s: s and not s.startswith("@"))
words = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)
numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False))
attrs = st.recursive(
    st.one_of(st.booleans(), numbers, hostile), lambda a: st.lists(a, max_size=3).map(tuple), max_leaves=6
)
attributes = st.dictionaries(hostile, attrs, max_size=3)
types = st.builds(TensorType, st.sampled_from(DTYPES), st.lists(st.integers(0, 10**6), max_size=4).map(tuple))
labels = st.frozensets(hostile, max_size=2).map(Label)
ranges = st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False))
rms = st.floats(min_value=0.0, allow_nan=False)
values = st.builds(
    Value, types, st.none() | labels, st.none() | st.sampled_from(Domain), st.none() | ranges, st.none() | rms
)


@st.composite
def constants(draw: Any) -> Constant:
    type, label = draw(types), draw(labels)
    if type.size > 2 * INLINE or type.dtype not in NUMPY:
        return Constant(type, label, draw(st.binary(min_size=32, max_size=32)).hex())
    raw = draw(st.binary(min_size=type.size * 8, max_size=type.size * 8))
    with np.errstate(all="ignore"):
        data = np.nan_to_num(np.frombuffer(raw, np.float64)[: type.size]).astype(NUMPY[type.dtype])
    return Constant.of(data.reshape(type.shape), type, label)


@st.composite
def modules(draw: Any) -> Module:
    known = {name: draw(values) for name in draw(st.lists(names, min_size=1, max_size=3, unique=True))}
    inputs, ops = tuple(known), []
    weights = {f"@{n}": draw(constants()) for n in draw(st.lists(hostile.filter(bool), max_size=3, unique=True))}
    for results in draw(st.lists(st.lists(names, max_size=2, unique=True), max_size=5)):
        results = [r for r in results if r not in known]
        operand = st.sampled_from(["", *known, *weights])
        operands = draw(st.lists(operand, max_size=3))
        domain = draw(st.none() | st.sampled_from(Domain))
        name = draw(words.filter(lambda w: w not in ("input", "output", "const")))
        ops.append(Op(name, tuple(operands), tuple(results), draw(attributes), draw(hostile), domain))
        known |= {r: draw(values) for r in results}
    outputs = tuple(draw(st.lists(st.sampled_from([*known]), max_size=3)))
    stage = draw(st.sampled_from(Stage))
    return Module(draw(hostile), stage, inputs, outputs, tuple(ops), known, weights, draw(attributes))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(modules())
def test_round_trip(m: Module) -> None:
    text = print_module(m)
    again = parse(text)
    assert again == m
    assert print_module(again) == text
    assert text.isascii()
    for name, c in m.constants.items():
        restored = again.constants[name].data
        if c.data is not None and c.data.size <= INLINE:
            assert restored is not None and restored.tobytes() == c.data.tobytes()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='module "x" fold{}%@=:,()[]', max_size=60))
def test_any_text_is_a_module_or_a_user_error(text: str) -> None:
    try:
        parse(text)
    except UserError as e:
        assert e.diagnostics[0].source


def line(n: int) -> str:
    return (
        f'  %v{n + 1} = Conv(%v{n}, @w) {{group = 1, pads = [1, 1, 1, 1]}} on mpc : f32<1x8> public in mpc loc "n{n}"\n'
    )


def test_five_thousand_ops_take_seconds() -> None:
    head = f'module "big" converted {{\n  const @w: f32<4> public sha256:{"0" * 64}\n  input %v0: f32<1x8>\n'
    text = f"{head}{''.join(map(line, range(5000)))}  output %v5000\n}}\n"
    start = time.process_time()
    m = parse(text)
    assert time.process_time() - start < 8, "a budget for a slow machine; about 2 s is usual"
    assert len(m.ops) == 5000 and print_module(m).count("\n") == text.count("\n")


def test_errors_show_the_place() -> None:
    with pytest.raises(UserError) as e:
        parse('module "m" folded {\n  input %x: f32<1>\n  %y = Relu(%xx) : f32<1>\n  output %y\n}', "m.ppc")
    (d,) = e.value.diagnostics
    assert (d.code, d.source, d.help) == ("PPC1902", "m.ppc:3:13", "did you mean 'x'?")
    assert d.excerpt == "  %y = Relu(%xx) : f32<1>\n            ^^^"


def test_errors_say_what_was_expected() -> None:
    with pytest.raises(UserError) as e:
        parse('module "m" folded {\n  input %x f32<1>\n}', "m.ppc")
    assert "expected ':'" in e.value.diagnostics[0].message


def test_attributes_without_a_text_form_are_a_bug() -> None:
    m = Module("m", Stage.FOLDED, (), (), (Op("Relu", (), (), {"x": np.float32(1)}),), {}, {})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="x has no text form: float32"):
        print_module(m)
