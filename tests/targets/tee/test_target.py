"""The targets that run numpy kernels: what they take, and what they think it costs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ppc.ir.label import PUBLIC
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.target import HeRung
from ppc.ir.types import Domain, TensorType
from ppc.runtime import kernels
from ppc.targets.clear import work
from ppc.targets.clear.target import client_target, server_target
from ppc.targets.tee.target import TEETarget

RUNG = HeRung(8192, 3)


def module(op: Op, types: Mapping[str, TensorType]) -> Module:
    values = {n: Value(t) for n, t in types.items() if not n.startswith("@")}
    constants = {n: Constant(t, PUBLIC, "", np.zeros(t.shape)) for n, t in types.items() if n.startswith("@")}
    return Module("m", Stage.IMPORTED, (), (), (op,), values, constants)


def case(
    name: str, *shapes: tuple[int, ...], out: tuple[int, ...], dtype: str = "f32", **attrs: Any
) -> tuple[Op, Module]:
    operands = tuple(("@" if i else "") + f"v{i}" for i in range(len(shapes)))
    op = Op(name, operands, ("y",), attrs)
    types = {n: TensorType(dtype, s) for n, s in zip(operands, shapes, strict=True)}
    return op, module(op, types | {"y": TensorType(dtype, out)})


@pytest.mark.parametrize(
    ("made", "macs"),
    [
        (case("Conv", (1, 6, 14, 14), (16, 6, 5, 5), out=(1, 16, 10, 10)), 16 * 100 * 6 * 25),
        (case("Conv", (1, 8, 9, 9), (8, 1, 3, 3), out=(1, 8, 7, 7), group=8), 8 * 49 * 9),
        (case("ConvTranspose", (1, 4, 5, 5), (4, 2, 3, 3), out=(1, 2, 7, 7)), 100 * 18),
        (case("Gemm", (3, 10), (10, 4), out=(3, 4)), 120),
        (case("Gemm", (10, 3), (10, 4), out=(3, 4), transA=1), 120),
        (case("MatMul", (2, 5, 7), (2, 7, 3), out=(2, 5, 3)), 210),
        (case("MatMul", (7,), (7, 3), out=(3,)), 21),
        (case("LSTM", (9, 2, 4), (1, 12, 4), (1, 12, 3), out=(9, 1, 2, 3)), 18 * (48 + 36)),
        (case("Relu", (5,), out=(5,)), 0),
    ],
)
def test_multiply_accumulates(made: tuple[Op, Module], macs: int) -> None:
    assert work.macs(*made) == macs


def test_every_kernel_is_taken_and_nothing_else() -> None:
    for target in (TEETarget(), client_target(), server_target()):
        for name in kernels.KERNELS:
            assert target.refuses(*case(name, (2,), out=(2,))) is None
        assert "Loop" in (target.refuses(*case("Loop", (2,), out=(2,))) or "")
        assert target.depth(*case("Identity", (2,), out=(2,))) == 0


def test_text_stays_outside_the_enclave() -> None:
    made = case("Identity", (2,), out=(2,), dtype="str")
    assert "text" in (TEETarget().refuses(*made) or "")
    assert client_target().refuses(*made) is None


def test_cost_grows_with_work_and_has_no_traffic() -> None:
    small, large = (case("Gemm", (n, n), (n, n), out=(n, n)) for n in (64, 512))
    for target in (TEETarget(), client_target()):
        a, b = (target.cost(*made, RUNG) for made in (small, large))
        assert 0 < a.seconds < b.seconds and (b.bytes, b.rounds, b.offline_bytes) == (0, 0, 0)
    assert TEETarget().cost(*large, RUNG).seconds > client_target().cost(*large, RUNG).seconds


def test_domains() -> None:
    assert [t.domain for t in (TEETarget(), client_target(), server_target())] == [
        Domain.TEE,
        Domain.CLIENT,
        Domain.SERVER,
    ]
