"""Shares at two parties that own nothing: who talks to whom, what each of them gets, and who may be away."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from small_models import make_model
from three_way import POLICIES

import ppc
from ppc.compiler.runner import reference
from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.dealer import weight_mask
from ppc.runtime.mpc.ring import encode
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.net.memory import MemoryChannel, pair
from ppc.runtime.party import Session
from ppc.runtime.phases import new_session, pairs, roles, run_party
from ppc.runtime.plan import Plan
from ppc.runtime.status import Status

RNG = np.random.default_rng(3)  # of models and inputs
PAIR = ("compute0", "compute1")
node = onnx.helper.make_node


class Run:
    """A plan of `model`, run by threads on one pass; `wrap` may replace the session of a party."""

    def __init__(
        self,
        folder: Path,
        model: onnx.ModelProto,
        feed: np.ndarray,
        wrap: Callable[[Session], Session] = lambda session: session,
        learner: str = "client",
    ):
        onnx.save(model, folder / "model.onnx")
        said = (POLICIES / "outsourced.ppc").read_text().replace("reveal to client", f"reveal to {learner}")
        self.plan, program = Plan.load(ppc.compile(folder / "model.onnx", said).save(folder / "plan.py"))
        self.parties, self.talk = roles(self.plan.manifest), pairs(self.plan.manifest)
        self.channels: dict[str, dict[str, MemoryChannel]] = {p: {} for p in self.parties}
        for a, b in self.talk:
            self.channels[a][b], self.channels[b][a] = pair(a, b, timeout=20)
        self.sessions: dict[str, Session] = {}
        self.errors: dict[str, BaseException] = {}
        self.outputs: dict[str, list[dict[str, Any]]] = {}

        def party(role: str) -> None:
            session = self.sessions[role] = wrap(new_session(self.plan, role, self.channels[role]))
            try:
                passes = [{"x": feed}] if role == "client" else []
                self.outputs[role] = run_party(session, program, passes, status=Status())
            except BaseException as e:
                self.errors[role] = e

        threads = [threading.Thread(target=party, args=(p,)) for p in self.parties]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.expected = reference(folder / "model.onnx", {"x": feed}, 1)["y"]

    def close(self, party: str = "client") -> bool:
        assert not self.errors, self.errors
        return bool(np.abs(self.outputs[party][0]["y"] - self.expected).max() < 2e-3)


def small(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32) / 2


def dense() -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    return make_model(nodes, {"x": [1, 4]}, ["y"], {"w": small((4, 3))})


def every_use_of_a_weight() -> onnx.ModelProto:
    """Convolution with a bias, running statistics, products, sums, quotients, a weight on the left, a concatenation."""
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("BatchNormalization", ["r", "scale", "bias", "mean", "var"], ["n"]),
        node("Relu", ["n"], ["r2"]),
        node("Mul", ["r2", "factor"], ["m"]),
        node("Sub", ["m", "offset"], ["s"]),
        node("Div", ["s", "divisor"], ["d"]),
        node("MatMul", ["left", "d"], ["l"]),
        node("Concat", ["l", "extra"], ["k"], axis=1),
        node("Flatten", ["k"], ["f"]),
        node("Gemm", ["f", "v", "g"], ["y"], alpha=0.5, transB=1),
    ]
    constants = {"w": small((2, 1, 3, 3)), "b": small((2,)), "scale": small((2,)), "bias": small((2,))}
    constants |= {"mean": small((2,)), "var": np.abs(small((2,))) + 0.5, "factor": small((2, 1, 1))}
    constants |= {"offset": small((4, 4)), "divisor": np.abs(small((4,))) + 1, "left": small((4, 4))}
    constants |= {"extra": small((1, 1, 4, 4)), "v": small((3, 48)), "g": small((3,))}
    return make_model(nodes, {"x": [1, 1, 4, 4]}, ["y"], constants)


def normalised() -> onnx.ModelProto:
    nodes = [node("LayerNormalization", ["x", "scale", "bias"], ["n"]), node("Sqrt", ["x"], ["q"])]
    nodes += [node("Add", ["n", "q"], ["y"])]
    return make_model(nodes, {"x": [1, 8]}, ["y"], {"scale": small((8,)), "bias": small((8,))})


@pytest.mark.parametrize(
    ("model", "feed"), [(dense, (1, 4)), (every_use_of_a_weight, (1, 1, 4, 4)), (normalised, (1, 8))]
)
def test_every_use_of_a_weight_gives_what_onnxruntime_gives(model: Any, feed: tuple[int, ...], tmp_path: Path) -> None:
    assert Run(tmp_path, model(), np.abs(small(feed)) + 0.1).close()


def test_exactly_the_pairs_that_talk_have_a_channel(tmp_path: Path) -> None:
    run = Run(tmp_path, dense(), small((1, 4)))
    assert run.close()
    assert all(run.channels[a][b].transcript or run.channels[b][a].transcript for a, b in run.talk)
    apart = [{"client", "server"}, {"client", "dealer"}]
    assert len(run.talk) == 10 - len(apart) and not any(set(pair) in apart for pair in run.talk)


@pytest.mark.parametrize("learner", ["client", "server", "client, server"])
def test_who_learns_an_output_gets_a_share_of_each_holder(learner: str, tmp_path: Path) -> None:
    run = Run(tmp_path, dense(), small((1, 4)), learner=learner)
    for party in ("client", "server"):
        assert (run.outputs[party][0] != {}) == (party in learner)
        assert party not in learner or run.close(party)
    assert all(run.outputs[party] == [{}] for party in PAIR)


def test_client_and_model_owner_are_away_between_sharing_and_reveal(tmp_path: Path) -> None:
    """The client goes on only when both holders have sent their shares of the output: they need nothing of it before.
    The model owner has sent its last word before the passes begin."""
    sent = {party: threading.Event() for party in PAIR}

    class Away(Session):
        def take(self, spec: Any, step: Any, *operands: Any) -> Any:
            if self.role == "client" and step.name.startswith("reveal."):
                assert all(event.wait(20) for event in sent.values())
            result = super().take(spec, step, *operands)
            if self.role in PAIR and step.name.startswith("reveal."):
                sent[self.role].set()
            return result

    run = Run(tmp_path, dense(), small((1, 4)), lambda session: Away(**vars(session)))
    assert run.close()
    for party in (*PAIR, "dealer"):
        assert all(not tag.startswith("0.") for tag, _ in run.channels[party]["server"].transcript)


def test_the_weights_under_their_mask_are_uniform_and_alike_at_both(tmp_path: Path) -> None:
    """Of a weight of zeros, D is minus the mask: neither holder's half of it is D, and both halves are."""
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    model = make_model(nodes, {"x": [1, 64]}, ["y"], {"w": np.zeros((64, 64), np.float32)})
    run = Run(tmp_path, model, small((1, 64)))
    assert run.close()
    states = [run.sessions[party].engines["mpc"] for party in PAIR]
    (step,) = states[0].masked
    d0, d1 = (state.masked[step][0] for state in states)
    b0, b1 = (state.own[step][0] for state in states)
    assert np.array_equal(d0, d1) and not (d0 + b0 + b1).any()
    for seen in (d0, d0 + b0, d1 + b1, b0, b1):
        bits = np.unpackbits(seen.view(np.uint8).reshape(-1, 8), axis=1).mean(0)  # of 4096 numbers
        assert np.all(np.abs(bits - 0.5) < 0.06), "eight standard deviations"
    assert not run.sessions["server"].engines["mpc"].masked
    assert all(run.sessions[party].weights == {} for party in PAIR)


def test_a_value_out_of_range_is_told_to_the_client_alone(tmp_path: Path) -> None:
    """Two summands of a random number, one from each holder; the holders do not learn the verdict from them."""
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Sqrt", ["h"], ["y"])]
    model = make_model(nodes, {"x": [1, 4]}, ["y"], {"w": np.abs(small((4, 3))) + 0.1})
    good = Run(tmp_path, model, np.abs(small((1, 4))) + 0.5)
    assert "mpc.checked" in {s["step"] for s in good.plan.manifest["steps"]} and good.close()
    told = [payload for tag, payload in good.channels["client"]["compute0"].transcript if tag.endswith(".doubt")]
    assert len(told) == 1 and told[0][0].shape == (1,)
    (folder := tmp_path / "bad").mkdir()
    bad = Run(folder, model, -np.abs(small((1, 4))) - 0.5)
    error = bad.errors["client"]
    assert isinstance(error, PartyError) and error.code == "PPC6016"
    assert not any(isinstance(e, PartyError) and e.code == "PPC6016" for p, e in bad.errors.items() if p in PAIR)


def test_a_form_of_weights_says_its_fractional_bits() -> None:
    form = WeightForm(("w",), "limited", (4.0,), (3,), 16)
    assert WeightForm.from_json(form.to_json()) == form
    np.testing.assert_array_equal(form.ring({"w": np.array([1.5, -9.0, np.inf])}), encode([1.5, -4.0, 4.0], 16))
    for wrong in ([], [62], [True], ["1"]):
        with pytest.raises(PartyError, match="form of weights"):
            WeightForm.from_json([*form.to_json()[:4], *wrong])
    assert weight_mask(bytes(32), 1, 0, form).shape == (3,)
