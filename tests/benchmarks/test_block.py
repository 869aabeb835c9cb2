"""A transformer block, lowered to MPC alone: how many rounds it takes, and what the dealer ships for it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from benchmarks.mpc.models import block

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.module import Module, Op, Stage
from ppc.ir.target import LAN, Cost
from ppc.ir.types import Domain
from ppc.passes.fold import Fold
from ppc.passes.lower import Lower
from ppc.targets.mpc.schedule import in_lockstep
from ppc.targets.mpc.target import MpcTarget
from ppc.targets.prices import Prices


@pytest.fixture(scope="module")
def converted() -> Module:
    """With calibrated logits, and the check of ranges where the result leaves MPC."""
    found = Fold().run(import_model(block()))
    ops = [replace(op, domain=Domain.MPC) for op in found.ops]
    (logits,) = [op.operands[0] for op in ops if op.name == "Softmax"]
    nodes = tuple(op.loc for op in ops if op.name in ("Softmax", "LayerNormalization"))
    (result,) = found.outputs
    checked = Op("mpc.checked", (result,), ("told",), {"of": nodes, "to": "client"}, "told", Domain.MPC)
    values = {**found.values, logits: replace(found.values[logits], range=(-6.0, 5.0)), "told": found.values[result]}
    return replace(found, stage=Stage.CONVERTED, ops=(*ops, checked), values=values, outputs=("told",))


def lowered(module: Module, judge: Callable[[Cost], float]) -> tuple[Module, Cost]:
    made = Lower().run(MpcTarget(judge=judge).lower(module))
    ((_, cost),) = in_lockstep(made, Prices.shipped().mpc)
    return made, cost


def test_a_block_takes_thirty_rounds_and_half_the_dealers_bytes_where_they_count(converted: Module) -> None:
    made, online = lowered(converted, LAN.seconds)
    steps = {op.name: op.attrs for op in made.ops}
    assert online.rounds <= 30
    assert "mpc.Mul" not in steps and "below" in steps["mpc.Softmax"]
    assert steps["mpc.checked"]["operand_bits"] == (48,)
    _, total = lowered(converted, lambda cost: LAN.seconds(cost) + 8 * cost.offline_bytes / LAN.bandwidth)
    assert 2 * total.offline_bytes <= online.offline_bytes < 27e6


def test_without_calibration_the_maximum_of_a_row_is_taken(converted: Module) -> None:
    values = {name: replace(value, range=None) for name, value in converted.values.items()}
    made, cost = lowered(replace(converted, values=values), LAN.seconds)
    assert all("below" not in op.attrs for op in made.ops) and 30 < cost.rounds <= 40
