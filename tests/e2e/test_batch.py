"""Batch packing by separate processes: with secret weights (a mask) and with public ones (decrypted directly)."""

import io
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from three_way import assert_three_ways

import ppc
from ppc.compiler.report.terminal import render
from ppc.runtime.he import engine
from ppc.runtime.he.evaluator import OfficialEvaluator, unavailable
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure
from ppc.runtime.session import run_local
from ppc.targets.he import choice

BATCH = 16
PRODUCTS = ("he.batch_square", "he.batch_mul")
PUBLIC = """party client, server, dealer
input  *  secret of client
weight *  public
output *  reveal to client because "the client asked for its own prediction"
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
place operator * in he
"""
HYBRID = PUBLIC.replace("place operator * in he", "place operator Gemm in he\nplace operator Relu in mpc")


def saved(
    folder: Path, nodes: list[onnx.NodeProto], shape: list[int], outputs: int, samples: int, **constants: np.ndarray
) -> Path:
    """A model of these nodes from x to y, with inputs beside it."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", outputs])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    path = folder / "small.onnx"
    onnx.save(made, path)
    x = np.random.default_rng(1).uniform(size=(samples, *shape))
    np.savez(path.with_suffix(".npz"), x=x.astype(np.float32))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Conv, square, Flatten, Gemm."""
    rng = np.random.default_rng(0)
    k, w = rng.normal(size=(2, 1, 3, 3)) / 3, rng.normal(size=(3, 32)) / 6
    nodes = [
        helper.make_node("Conv", ["x", "k", "kb"], ["c"], name="conv", pads=[0, 0, 0, 0]),
        helper.make_node("Mul", ["c", "c"], ["s"], name="square"),
        helper.make_node("Flatten", ["s"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], name="fc", transB=1),
    ]
    return saved(tmp_path, nodes, [1, 6, 6], 3, 2 * BATCH, k=k, kb=rng.normal(size=2), w=w, b=rng.normal(size=3))


@pytest.fixture
def by_batch(monkeypatch) -> None:
    """Latency packing is never the cheaper one."""
    monkeypatch.setattr(choice, "program_seconds", lambda program, primitives: inf)


def test_polynomials_and_what_movements_leave(by_batch, tmp_path: Path) -> None:
    """A residual of a grouped convolution, its cube, Concat with a padded part, a pool."""
    rng = np.random.default_rng(3)
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "k"], ["c"], name="conv", pads=[1, 1, 1, 1], group=2),
        node("Add", ["c", "x"], ["r"], name="residual"),
        node("Pow", ["r", "three"], ["g"], name="cube"),
        node("Slice", ["x", "from", "to", "axis"], ["part"], name="part"),
        node("Pad", ["part", "pads"], ["p"], name="pad"),
        node("Concat", ["g", "p"], ["j"], name="join", axis=1),
        node("AveragePool", ["j"], ["a"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["a"], ["f"], name="flat"),
        node("Gemm", ["f", "w", "b"], ["y"], name="fc", transB=1),
    ]
    constants = {
        "k": rng.normal(size=(2, 1, 3, 3)) / 4,
        "three": np.array(3.0),
        "w": rng.normal(size=(3, 16)),
        "b": rng.normal(size=3),
    }
    path = saved(tmp_path, nodes, [2, 4, 4], 3, BATCH, **constants)
    made = onnx.load(path)
    for name, data in {"from": [0], "to": [3], "axis": [3], "pads": [0, 0, 0, 1, 0, 0, 0, 0]}.items():
        made.graph.initializer.append(numpy_helper.from_array(np.array(data, np.int64), name))
    onnx.save(made, path)
    case = assert_three_ways(
        tmp_path,
        path,
        None,
        targets=("he",),
        samples=BATCH,
        batch=BATCH,
        budget=0.02,
        calibrate=path.with_suffix(".npz"),
    )
    manifest = case.compiled.manifest
    assert manifest["he"]["packing"] == "batch"
    cube = [s["step"] for s in manifest["steps"] if s["node"] == "cube"]
    assert {"he.batch_mul", "he.batch_rescale"} <= set(cube)


def test_an_activation_as_a_polynomial(by_batch, tmp_path: Path) -> None:
    """The encrypted run computes what the lowered plan does in clear, and that is near the model's Sigmoid."""
    rng = np.random.default_rng(5)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc1", transB=1),
        helper.make_node("Sigmoid", ["h"], ["s"], name="gate"),
        helper.make_node("Gemm", ["s", "v", "c"], ["y"], name="fc2", transB=1),
    ]
    w, v = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    path = saved(tmp_path, nodes, [3], 2, BATCH, w=w, b=rng.normal(size=4), v=v, c=rng.normal(size=2))
    data = path.with_suffix(".npz")
    compiled = ppc.compile(path, None, batch=BATCH, targets=("he",), calibrate=data)
    assert compiled.manifest["he"]["packing"] == "batch"
    products = [s["step"] for s in compiled.manifest["steps"] if s["node"] == "gate" and s["step"] in PRODUCTS]
    assert len(products) > 1, "a degree of more than 2"
    plan, program = Plan.load(compiled.save(tmp_path / "plan.py"))
    feed = {"x": np.load(data)["x"]}
    clear = run_local(plan, program, feed, noise=False)["y"]
    secure = run_secure(tmp_path / "plan.py", feed, timeout=60).outputs["y"]
    assert np.abs(secure - clear).max() < 2e-3
    hidden = 1 / (1 + np.exp(-(feed["x"] @ w.T + onnx_constant(path, "b"))))
    assert np.abs(clear - (hidden @ v.T + onnx_constant(path, "c"))).max() < 0.05


def onnx_constant(path: Path, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer if i.name == name)


def test_values_leave_for_shares_and_come_back(by_batch, tmp_path: Path) -> None:
    """Relu under MPC between two layers under HE."""
    rng = np.random.default_rng(6)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc1", transB=1),
        helper.make_node("Relu", ["h"], ["r"], name="relu"),
        helper.make_node("Gemm", ["r", "v", "c"], ["y"], name="fc2", transB=1),
    ]
    w, v = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
    path = saved(tmp_path, nodes, [3], 2, BATCH, w=w, b=rng.normal(size=4), v=v, c=np.array([3.0, -3.0]))
    case = assert_three_ways(
        tmp_path, path, HYBRID, samples=BATCH, batch=BATCH, budget=0.01, calibrate=path.with_suffix(".npz")
    )
    steps = {s["step"]: s["attrs"] for s in case.compiled.manifest["steps"]}
    assert steps["convert.mpc_to_he"]["packing"] == steps["convert.client_to_he"]["packing"] == "batch"


def test_the_packing_follows_the_batch(model: Path) -> None:
    """The cheaper one by predicted time; the report says how much a pass and a second take."""
    few, many = (
        ppc.compile(model, PUBLIC, targets=("he",), calibrate=model.with_suffix(".npz"), batch=batch)
        for batch in (2 * BATCH, 4096)
    )
    assert few.manifest["he"].get("packing") != "batch" and many.manifest["he"]["packing"] == "batch"
    times = re.fullmatch(
        r"a pass takes (\S+) s packed for latency, (\S+) s packed by batch", many.manifest["he"]["packing_because"]
    )
    assert times is not None and float(times[2]) < float(times[1])
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(many.manifest))
    text = console.export_text()
    assert re.search(r"throughput +[\d,.]+ samples a second, 4096 in a pass", text)
    counts = many.manifest["report"]["he"]["batch"]
    assert f"{counts['weighted']} products with weights, {counts['products']} of ciphertexts" in text


def test_the_counts_are_what_a_run_executes(by_batch, model: Path, tmp_path: Path, monkeypatch) -> None:
    executed: Counter[str] = Counter()
    for name in ("relinearise", "rescale"):
        real = getattr(OfficialEvaluator, name)
        monkeypatch.setattr(OfficialEvaluator, name, counting(executed, name, real))
    monkeypatch.setenv("PPC_THREADS", "1")  # through the binding
    compiled = ppc.compile(model, PUBLIC, targets=("he",), calibrate=model.with_suffix(".npz"), batch=BATCH)
    plan, program = Plan.load(compiled.save(tmp_path / "plan.py"))
    a, b = pair("client", "server")
    client, server = Session("client", plan.manifest, {"server": a}), Session("server", plan.manifest, {"client": b})
    server.weights = {**plan.public_constants(), **plan.server_weights()}
    client.weights = dict(plan.public_constants())
    with ThreadPoolExecutor(2) as parties:
        list(parties.map(engine.setup, (client, server)))
        unavailable()  # checks itself once, with operations of its own
        executed.clear()
        client.start_run(0, {"x": np.load(model.with_suffix(".npz"))["x"][:BATCH]})
        server.start_run(0, {})
        list(parties.map(program, (client, server)))
    counts = compiled.manifest["report"]["he"]["batch"]
    assert executed == {"relinearise": counts["relinearised"], "rescale": counts["rescaled"]}
    assert counts["weighted"] == 288 + 96 and counts["products"] == 32


def counting(executed: Counter[str], name: str, real: Any) -> Any:
    def run(*arguments: Any) -> Any:
        executed[name] += 1
        return real(*arguments)

    return run


def test_more_samples_than_slots(by_batch, tmp_path: Path) -> None:
    """In groups of one pass, as many samples in each."""
    samples, rng = 20_000, np.random.default_rng(4)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="fc1", transB=1),
        helper.make_node("Mul", ["h", "h"], ["s"], name="square"),
        helper.make_node("Gemm", ["s", "v", "c"], ["y"], name="fc2", transB=1),
    ]
    w, v = rng.normal(size=(2, 3)), np.array([[1.0, 0.5], [-1.0, -0.5]])
    path = saved(tmp_path, nodes, [3], 2, samples, w=w, b=rng.normal(size=2), v=v, c=np.array([1.0, -1.0]))
    case = assert_three_ways(
        tmp_path,
        path,
        PUBLIC,
        targets=("he",),
        samples=samples,
        batch=samples,
        budget=0.01,
        calibrate=path.with_suffix(".npz"),
    )
    he, steps = case.compiled.manifest["he"], case.compiled.manifest["steps"]
    entered = next(s["attrs"] for s in steps if s["step"] == "convert.client_to_he")
    assert he["packing"] == "batch" and samples > he["degree"] // 2
    groups = entered["layout_digits"][0][0]
    assert groups * entered["layout_digits"][1][0] == samples
    counts = case.compiled.manifest["report"]["he"]["batch"]
    assert counts["groups"] == groups > 1 and counts["products"] == 2 * groups


@pytest.mark.parametrize("policy,privacy", [(None, "masking"), (PUBLIC, "public weights")])
def test_two_passes(model: Path, policy: str | None, privacy: str, tmp_path: Path, by_batch) -> None:
    case = assert_three_ways(
        tmp_path,
        model,
        policy,
        targets=("he",),
        samples=2 * BATCH,
        batch=BATCH,
        budget=0.01,
        calibrate=model.with_suffix(".npz"),
    )
    steps = {s["step"]: s["attrs"] for s in case.compiled.manifest["steps"]}
    assert "he.batch_rescale" in steps and steps["reveal.he_to_client"]["privacy"] == privacy
    assert case.compiled.manifest["he"]["packing"] == "batch"
    assert case.compiled.manifest["he"]["galois"] == {}
    text = (tmp_path / "plan.py").read_text()
    assert "p.he.batch_linear(x_he, p.weight(" in text and "p.he.batch_square(" in text
    assert "288 weights in 16 blocks" in text and "96 weights in 1 block," in text
