"""A LeNet-5 shaped program through `Session.step`, from the client's input to its reveal, in two passes."""

from typing import Any

import numpy as np
import pytest
import torch

from ppc.runtime.mpc.deal import deal, receive_material
from ppc.runtime.mpc.state import setup
from ppc.runtime.party import Session
from ppc.runtime.value import Value

RNG = np.random.default_rng(5)
SHAPES = {"c1": (6, 1, 5, 5), "c2": (16, 6, 5, 5), "f1": (120, 400), "f2": (84, 120), "f3": (10, 84)}
WEIGHTS = {f"@{k}": RNG.normal(size=s) / np.sqrt(np.prod(s[1:])) for k, s in SHAPES.items()}
WEIGHTS |= {f"@{k}.b": RNG.normal(size=s[0]) * 0.1 for k, s in SHAPES.items()}
POOL: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
LINEAR = ("mpc.Conv", "mpc.Gemm")
Plan = list[tuple[str, tuple[int, ...], dict[str, Any]]]
APART: Plan = [
    ("convert.client_to_mpc", (1, 1, 28, 28), {}),
    ("mpc.Conv", (1, 6, 28, 28), {"pads": [2, 2, 2, 2]}),
    ("mpc.MaxPool", (1, 6, 14, 14), POOL),
    ("mpc.Relu", (1, 6, 14, 14), {}),
    ("mpc.Conv", (1, 16, 10, 10), {}),
    ("mpc.MaxPool", (1, 16, 5, 5), POOL),
    ("mpc.Relu", (1, 16, 5, 5), {}),
    ("mpc.Reshape", (1, 400), {"shape": [1, 400]}),
    ("mpc.Gemm", (1, 120), {"transB": 1}),
    ("mpc.Relu", (1, 120), {}),
    ("mpc.Gemm", (1, 84), {"transB": 1}),
    ("mpc.Relu", (1, 84), {}),
    ("mpc.Gemm", (1, 10), {"transB": 1}),
    ("reveal.mpc_to_client", (1, 10), {}),
]
KEEP, LATE = {"fraction_bits": 36}, {"operand_bits": [36]}
FUSED: Plan = [
    ("convert.client_to_mpc", (1, 1, 28, 28), {}),
    ("mpc.Conv", (1, 6, 28, 28), {"pads": [2, 2, 2, 2], **KEEP}),
    ("mpc.ReluMaxPool", (1, 6, 14, 14), POOL | LATE),
    ("mpc.Conv", (1, 16, 10, 10), KEEP),
    ("mpc.ReluMaxPool", (1, 16, 5, 5), POOL | LATE),
    ("mpc.Reshape", (1, 400), {"shape": [1, 400]}),
    ("mpc.Gemm", (1, 120), {"transB": 1, **KEEP}),
    ("mpc.Relu", (1, 120), LATE),
    ("mpc.Gemm", (1, 84), {"transB": 1, **KEEP}),
    ("mpc.Relu", (1, 84), LATE),
    ("mpc.Gemm", (1, 10), {"transB": 1}),
    ("reveal.mpc_to_client", (1, 10), {}),
]


def manifest(plan: Plan) -> dict[str, Any]:
    layers, steps = iter(SHAPES), []
    for i, (name, shape, attrs) in enumerate(plan):
        layer = next(layers) if name in LINEAR else None
        read = [f"v{i - 1}" if i else "x", *([f"@{layer}", f"@{layer}.b"] if layer else [])]
        line = {"id": i, "step": name, "op": "", "node": "", "shapes": [list(shape)], "dtype": "f32", "attrs": attrs}
        steps.append({**line, "operands": read, "results": [f"v{i}"]})
    return {"weights": {n: {"shape": list(w.shape)} for n, w in WEIGHTS.items()}, "steps": steps}


def program(p: Session) -> Value:
    x = p.convert.client_to_mpc(Value("client", (1, 1, 28, 28), p.inputs.get("x")))
    layers = iter(SHAPES)
    for name in [step["step"] for step in p.manifest["steps"][1:-1]]:
        layer = next(layers) if name in LINEAR else None
        more = [] if layer is None else [p.weight(f"@{layer}"), p.weight(f"@{layer}.b")]
        x = getattr(p.mpc, name.split(".")[1])(x, *more)
    result: Value = p.reveal.mpc_to_client(x)
    return result


def reference(x: np.ndarray) -> np.ndarray:
    f = torch.nn.functional
    t = {k[1:]: torch.from_numpy(w) for k, w in WEIGHTS.items()}
    y = torch.from_numpy(x)
    for name, pad in (("c1", 2), ("c2", 0)):
        y = f.max_pool2d(f.conv2d(y, t[name], t[name + ".b"], padding=pad).relu(), 2)
    y = y.reshape(1, -1)
    for name in ("f1", "f2", "f3"):
        y = y @ t[name].T + t[name + ".b"]
        y = y.relu() if name != "f3" else y
    expected: np.ndarray = y.numpy()
    return expected


@pytest.mark.parametrize(("plan", "rounds"), [(APART, 28), (FUSED, 18)], ids=["apart", "fused"])
def test_two_passes_end_to_end(plan: Plan, rounds: int, mpc_sessions: Any, together: Any) -> None:
    """`rounds`: waits of the party that waits more often, the server; each of them is half a round trip."""
    found = mpc_sessions(manifest(plan), WEIGHTS)
    together({role: lambda s=s: setup(s) for role, s in found.items()})
    together(
        {
            "dealer": lambda: deal(found["dealer"], program, 2),
            "client": lambda: receive_material(found["client"], 2),
            "server": lambda: receive_material(found["server"], 2),
        }
    )
    ahead = {role: set(found[role].engines["mpc"].supply.ahead) for role in ("client", "server")}
    assert ahead == {"client": {i for i, (name, *_) in enumerate(plan) if name in LINEAR}, "server": set()}
    links = found["client"].channels["server"], found["server"].channels["client"]
    for run in range(2):
        x = RNG.random((1, 1, 28, 28))
        for link in links:
            link.bytes_sent = link.rounds = 0

        def go(role: str, run: int = run, x: np.ndarray = x) -> Any:
            found[role].start_run(run, {"x": x} if role == "client" else {})
            return program(found[role])

        out = together({role: lambda role=role: go(role) for role in ("client", "server")})
        np.testing.assert_allclose(out["client"].data, reference(x), atol=2.0**-10)
        assert out["server"].data is None
        assert max(link.rounds for link in links) == rounds
        if plan is FUSED:
            assert max(link.bytes_sent for link in links) < 110_000
    assert found["client"].engines["mpc"].supply.left == 0
