"""Names from a model file reach the plan as text and never as program."""

import ast
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import ppc
from ppc.runtime.errors import PartyError
from ppc.runtime.plan import audit
from ppc.runtime.session import InferenceSession

NAMES = [
    'x"); import os #',
    '"""\nimport os\n"""',
    "a'''b",
    "line\nbreak\r\t\x00\x1b[31m",
    "{{ 7*7 }}{% for x in y %}",
    "\\",
    "ünïcödé ‮ bidi",
    "p",
    "plan",
    "class",
    "n" * 5000,
]


def model(name: str) -> onnx.ModelProto:
    """x · W through Relu, with one name for the input, the nodes, the weight and the output (made unique by a tail)."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [name, name + "w"], [name + "h"], name=name),
            helper.make_node("Relu", [name + "h"], [name + "y"], name=name),
        ],
        name,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info(name + "y", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor(name + "w", TensorProto.FLOAT, [4, 3], np.arange(12, dtype=np.float32) / 10)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name_adds_no_statement(name: str, tmp_path: Path) -> None:
    try:
        compiled = ppc.compile(model(name))
    except ppc.CompileError as e:  # refused with a code is fine too
        assert e.diagnostics[0].code.startswith("PPC1")
        return
    harmless = ppc.compile(model("harmless"))
    tree, plain = (audit(c.plan) for c in (compiled, harmless))
    shape = [type(node).__name__ for node in ast.walk(plain)]
    assert [type(node).__name__ for node in ast.walk(tree)] == shape
    session = InferenceSession(compiled.save(tmp_path / "plan.py"), mode="clear")
    x = np.array([[1.0, -2.0, 3.0, 0.5]], np.float32)
    (got,) = session.run(None, {session.get_inputs()[0]["name"]: x})
    assert np.allclose(got, np.maximum(x @ (np.arange(12).reshape(4, 3) / 10), 0), atol=1e-6)


GOOD = ppc.compile(model("x")).plan


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from ppc.runtime import Plan", "from ppc.runtime import Plan\nimport os"),
        ("from ppc.runtime import Plan", "from os import Plan"),
        ("from ppc.runtime import Plan", "from ppc.runtime import Plan, Session"),
        ("def program(p):", "def program(p, q=print()):"),
        ("def program(p):", "@print\ndef program(p):"),
        ("def program(p):", "def program(p) -> print():"),
        ("def program(p):", "def program(p):\n    import os"),
        ("def program(p):", "def program(p):\n    p = p.client.input(name='x')"),
        ("def program(p):", "def program(p):\n    for i in (): pass"),
        ("def program(p):", "def program(p):\n    a = p.mpc.__class__(1)"),
        ("def program(p):", "def program(p):\n    a = p.session.step('x')"),
        ("def program(p):", "def program(p):\n    a = p.mpc.Relu(eval('1'))"),
        ("def program(p):", "def program(p):\n    a = p.mpc.Relu(x, y=[i for i in 'abc'])"),
        ("def program(p):", "def program(p):\n    a = p.mpc.Relu(*x)"),
        ("def program(p):", "def program(p):\n    a = p.mpc.Relu(**x)"),
        ("def program(p):", "def program(p):\n    a = b = p.mpc.Relu(x)"),
        ("def program(p):", "def program(p):\n    a = p.weight(print('x'))"),
        ("def program(p):", "def program(p):\n    a: print() = p.mpc.Relu(x)"),
        ("plan.main(program)", "plan.main(program); print()"),
        ("plan = Plan(__file__,", "plan = Plan(print(),"),
        ('if __name__ == "__main__":', 'if __name__ == "__main__" or print():'),
    ],
)
def test_an_edited_plan_is_no_plan(old: str, new: str) -> None:
    assert old in GOOD
    audit(GOOD)
    with pytest.raises(PartyError, match="PPC6006"):
        audit(GOOD.replace(old, new, 1))
