"""`ppc suggest`: what changes do to a model, and what is said of them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.helper import make_node as node
from small_models import make_model
from typer.testing import CliRunner

from ppc.compiler.cli.app import app
from ppc.compiler.driver import Request
from ppc.compiler.frontend.onnx_import import import_model
from ppc.compiler.suggest import changes
from ppc.compiler.suggest.changes import values_of
from ppc.compiler.suggest.run import Suggestion, helps, suggest
from ppc.ir.diagnostic import UserError
from ppc.ir.interpret import interpret
from ppc.ir.module import Module
from ppc.ir.verify import verify
from ppc.passes.fold import Fold

RNG = np.random.default_rng(3)
POLICY = (Path(__file__).parents[3] / "examples" / "policies" / "mpc.ppc").read_text()


def weights(*shape: int) -> np.ndarray:
    return (RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


def convolutional(head: bool = True) -> onnx.ModelProto:
    """Conv, ReLU, MaxPool; then the mean of each channel, which takes every size, or a dense layer, which does not."""
    nodes = [
        node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Relu", ["c"], ["r"], name="relu"),
        node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
    ]
    constants = {"w": weights(4, 1, 3, 3), "d": weights(64, 3)}
    if head:
        nodes += [node("GlobalAveragePool", ["p"], ["g"], name="mean"), node("Flatten", ["g"], ["y"])]
        del constants["d"]
    else:
        nodes += [node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "d"], ["y"], name="dense")]
    return make_model(nodes, {"x": ("N", 1, 8, 8)}, ["y"], constants)


def folded(model: onnx.ModelProto) -> Module:
    return Fold()(import_model(model))


def batches(module: Module) -> Iterator[dict[str, np.ndarray]]:
    for _ in range(4):
        yield {i: RNG.normal(size=module.values[i].type.shape) for i in module.inputs}


def applied(change: changes.Change, module: Module) -> Module:
    changed = Fold()(change.apply(module, values_of(module, list(batches(module)))))
    verify(changed)
    return changed


def test_average_pools_and_gelu_keep_shapes_and_names() -> None:
    module = folded(convolutional())
    for change, old, new in ((changes.AVERAGE, "MaxPool", "AveragePool"), (changes.GELU, "Relu", "Gelu")):
        changed = applied(change, module)
        before, after = ([(op.loc, op.name) for op in m.ops] for m in (module, changed))
        assert [(loc, new if name == old else name) for loc, name in before] == after
        assert change.nodes(module) == [loc for loc, name in before if name == old]


def test_the_square_is_the_best_one() -> None:
    """Of all parabolas it is nearest to the ReLU, so what is left over is orthogonal to 1, x and x²."""
    module = folded(make_model([node("Relu", ["x"], ["y"], name="relu")], {"x": (1, 200)}, ["y"]))
    data = list(batches(module))
    changed = changes.squares(module, values_of(module, data))
    verify(changed)
    x = np.concatenate([next(iter(b.values())) for b in data]).reshape(-1)
    y = np.concatenate([interpret(changed, b)[changed.outputs[0]] for b in data]).reshape(-1)
    left = y - np.maximum(x, 0)
    assert not any(op.name == "Relu" for op in changed.ops) and np.abs(left).max() > 0.01
    assert [np.mean(left * x**k) for k in range(3)] == pytest.approx([0.0] * 3, abs=1e-6)


def test_transposes_on_both_sides_of_a_function_merge_exactly() -> None:
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
        node("Relu", ["a"], ["b"]),
        node("Transpose", ["b"], ["y"], perm=[0, 3, 2, 1]),
    ]
    module = folded(make_model(nodes, {"x": (2, 3, 4, 5)}, ["y"]))
    changed = applied(changes.TRANSPOSE, module)
    assert [op.name for op in changed.ops] == ["Relu", "Transpose"]
    for batch in batches(module):
        want, got = (next(iter(interpret(m, batch).values())) for m in (module, changed))
        assert np.array_equal(got, want)


def test_padding_goes_where_later_nodes_take_every_size() -> None:
    module = folded(convolutional())
    changed = applied(changes.PADDING, module)
    assert [op.attrs["pads"] for op in changed.ops if op.name == "Conv"] == [(0, 0, 0, 0)]
    for batch in batches(module):
        interpret(changed, batch)  # checks every shape
    stuck = folded(convolutional(head=False))
    assert changes.PADDING.nodes(stuck) == ["conv"] and changes.without_padding(stuck, {}) is stuck


def saved(tmp_path: Path) -> tuple[Path, Path]:
    model, data = tmp_path / "m.onnx", tmp_path / "x.npz"
    onnx.save(convolutional(), model)
    x = RNG.normal(size=(8, 1, 8, 8)).astype(np.float32)
    np.savez(data, x=x, y=RNG.integers(0, 4, 8))
    return model, data


def test_every_change_is_measured_and_nothing_is_written(tmp_path: Path) -> None:
    model, data = saved(tmp_path)
    policy = tmp_path / "p.ppc"
    policy.write_text(POLICY + "place operator MaxPool in mpc\n")
    content = model.read_bytes()
    line = ["suggest", str(model), "--calibrate", str(data), "--labels", "y", "--policy", str(policy)]
    ran = CliRunner().invoke(app, [*line, "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output)
    rows = {row["name"]: row for row in (*found["helpful"], *found["tried"])}
    assert {"average-pool", "gelu", "square", "no-padding", "average-pool+square", "batch-16"} <= set(rows)
    assert found["samples"] == 8 and found["now"]["distance"]["relative"] < 1e-6
    for name in ("average-pool", "gelu", "square", "no-padding"):
        assert rows[name]["distance"]["relative"] > 1e-4 and rows[name]["accuracy"] is not None
    assert rows["average-pool"]["pins_dropped"] and not rows["gelu"]["pins_dropped"]
    assert "average-pool" in [row["name"] for row in found["helpful"]], "a mean needs no comparison"
    assert rows["average-pool"]["traffic"] < found["now"]["traffic"] / 2
    assert model.read_bytes() == content and len(list(tmp_path.iterdir())) == 3
    shown = CliRunner().invoke(app, [*line, "--seconds", "0"])
    assert shown.exit_code == 0 and "AveragePool for MaxPool: no time left" in shown.output.replace("\n", " ")


def test_time_is_bounded_and_what_is_left_is_said(tmp_path: Path) -> None:
    model, data = saved(tmp_path)
    ticks = count(0, 10)
    found = suggest(Request(model, POLICY, calibrate=data), "m", seconds=15, clock=lambda: next(ticks))
    assert len(found.helpful) + len(found.tried) == 1, "one change is begun at 10 s, the next would be at 20 s"
    assert any("no time left" in text for text in found.left_out)
    with pytest.raises(UserError, match="PPC5005"):
        suggest(Request(model, POLICY), "m")


def test_help_means_to_save_more_than_it_costs() -> None:
    now = Suggestion("now", "", (), True, 1.0, 100.0, 1.0, {}, (), None, None, False)
    assert helps(replace(now, seconds=0.5), now) and helps(replace(now, traffic=50.0), now)
    assert helps(replace(now, seconds=1.1, traffic=50.0), now)
    assert not helps(now, now) and not helps(replace(now, seconds=0.5, traffic=250.0), now)
