"""Every rule of the verifier is broken once, and the error shows the line."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppc.ir.diagnostic import InternalError
from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.types import Domain, TensorType
from ppc.ir.verify import RULES, verify

T = TensorType("f32", (1, 4))
BOTH = Label.secret("client", "server")
W = {"@w": Constant.of(np.zeros((4, 4), np.float32), TensorType("f32", (4, 4)), Label.secret("server"))}
FOLDED = Module(
    "m",
    Stage.FOLDED,
    ("x",),
    ("y",),
    (Op("MatMul", ("x", "@w"), ("h",), {}, "fc"), Op("Relu", ("h",), ("y",), {}, "act")),
    {"x": Value(T), "h": Value(T), "y": Value(T)},
    W,
)
LABELS = {"x": Label.secret("client"), "h": BOTH, "y": BOTH}
LABELLED = replace(
    FOLDED, stage=Stage.LABELLED, values={n: replace(v, label=LABELS[n]) for n, v in FOLDED.values.items()}
)
ASSIGNED = replace(LABELLED, stage=Stage.ASSIGNED, ops=tuple(replace(op, domain=Domain.MPC) for op in FOLDED.ops))
MPC, CLIENT = Domain.MPC, Domain.CLIENT


def v(label: Label, domain: Domain) -> Value:
    return Value(T, label, domain)


LOWERED = Module(
    "m",
    Stage.LOWERED,
    ("x",),
    ("y",),
    (
        Op("convert.client_to_mpc", ("x",), ("s",)),
        Op("mpc.MatMul", ("s", "@w"), ("h",), {}, "fc"),
        Op("reveal.mpc_to_client", ("h",), ("y",), {"because": "asked for"}),
    ),
    {
        "x": v(Label.secret("client"), CLIENT),
        "s": v(Label.secret("client"), MPC),
        "h": v(BOTH, MPC),
        "y": v(BOTH, CLIENT),
    },
    W,
)


def op(m: Module, i: int, **changes: Any) -> Module:
    return replace(m, ops=(*m.ops[:i], replace(m.ops[i], **changes), *m.ops[i + 1 :]))


def value(m: Module, name: str, **changes: Any) -> Module:
    return replace(m, values={**m.values, name: replace(m.values[name], **changes)})


#: (rule that is broken, the module, a piece of the message)
BROKEN = [
    ("every name is defined once", op(FOLDED, 0, operands=("y", "@w")), "%y is read before"),
    ("every name is defined once", op(FOLDED, 0, operands=("x", "@u")), "@u is no constant"),
    ("every name is defined once", op(FOLDED, 1, results=("h",)), "%h is defined twice"),
    ("every name is defined once", replace(FOLDED, outputs=("z",)), "output %z is never"),
    ("every name is defined once", replace(FOLDED, inputs=("x", "x")), "listed twice"),
    ("every name is defined once", replace(FOLDED, values={**FOLDED.values, "q": Value(T)}), "%q"),
    ("types are", value(FOLDED, "h", type=TensorType("f33", (1,))), "%h has type f33<1>"),
    ("types are", value(FOLDED, "h", type=TensorType("f32", (-1,))), "%h has type"),
    ("constants have", replace(FOLDED, constants={"@w": replace(W["@w"], sha256="no")}), "no sha256"),
    ("constants have", replace(FOLDED, constants={"@w": replace(W["@w"], type=T)}), "array of shape (4, 4)"),
    ("attributes have", op(FOLDED, 1, attrs={"a": [1]}), "attribute a is a list"),
    ("labels follow", value(LABELLED, "h", label=None), "%h has no label"),
    ("labels follow", value(LABELLED, "y", label=PUBLIC), "%y is public; the label rule gives secret[client, server]"),
    ("every op has a domain", op(ASSIGNED, 1, domain=None), "no domain"),
    ("steps read", value(LOWERED, "y", domain=None), "%y has no representation"),
    ("steps read", op(LOWERED, 1, operands=("x", "@w")), "mpc.MatMul reads mpc; %x is in client"),
    ("steps read", value(LOWERED, "h", domain=Domain.HE), "mpc.MatMul writes mpc; %h is in he"),
    ("steps read", op(LOWERED, 1, name="he.MatMul"), "no step 'he.MatMul'"),
    ("steps read", op(LOWERED, 2, attrs={}), "because"),
    ("only steps", op(LOWERED, 1, name="MatMul", domain=MPC), "MatMul is not lowered"),
    ("fractional bits", op(LOWERED, 1, attrs={"fraction_bits": 36}), "%h has 36 fractional bits, the step reads 16"),
    (
        "fractional bits",
        op(LOWERED, 1, attrs={"operand_bits": (36, 16)}),
        "%s has 16 fractional bits, the step reads 36",
    ),
    ("fractional bits", op(LOWERED, 1, attrs={"operand_bits": (16,)}), "1 entries for 2 operands"),
    ("fractional bits", op(LOWERED, 0, attrs={"fraction_bits": 36}), "convert.client_to_mpc keeps no fractional bits"),
]


@pytest.mark.parametrize("m", [FOLDED, LABELLED, ASSIGNED, LOWERED], ids=lambda m: m.stage.word)
def test_sound_modules_pass(m: Module) -> None:
    verify(m)


@pytest.mark.parametrize(("rule", "m", "text"), BROKEN, ids=lambda x: x if isinstance(x, str) else "")
def test_broken_modules_fail(rule: str, m: Module, text: str) -> None:
    with pytest.raises(InternalError) as e:
        verify(m)
    assert f"rule '{rule}" in str(e.value) and text in str(e.value)


def test_the_line_is_shown_with_carets() -> None:
    with pytest.raises(InternalError) as e:
        verify(op(FOLDED, 0, operands=("y", "@w")))
    assert str(e.value).endswith('  | %h = MatMul(%y, @w) : f32<1x4> loc "fc"\n  |             ^^')


def test_hostile_names_are_escaped() -> None:
    m = op(replace(FOLDED, name="\x1b[31m"), 0, operands=("\x1b[2J", "@w"))
    with pytest.raises(InternalError) as e:
        verify(m)
    assert "\x1b" not in str(e.value)


@pytest.mark.parametrize(
    ("m", "text"),
    [
        (op(FOLDED, 1, name="Rleu"), "no operator 'Rleu'"),
        (op(FOLDED, 1, operands=("h", "h")), "Relu has 1 to 1 operands, not 2"),
        (op(FOLDED, 1, attrs={"alpha": 1.0}), "Relu has no attribute alpha"),
        (op(FOLDED, 1, name="Transpose", attrs={"perm": "01"}), "perm is a tuple"),
        (op(FOLDED, 1, name="mpc.Relu"), "is a step, and the module is not converted"),
    ],
)
def test_declarations(m: Module, text: str) -> None:
    with pytest.raises(InternalError, match="operators are used as declared") as e:
        verify(m)
    assert text in str(e.value)


def test_every_rule_is_broken_by_a_test() -> None:
    tested = {rule for rule, _, _ in BROKEN} | {"operators are used as declared"}
    assert [r.name for r in RULES if not any(r.name.startswith(t) for t in tested)] == []
