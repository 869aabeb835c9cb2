"""Whole small networks, many times on one fixed input: whatever a party receives or holds is uniform over the runs.

A value that lacks its mask, or has the same one in many runs, is constant over the runs or takes few values; one
element of one message is enough to fail. Judged are all messages between the computing parties, the dealer's
material, and each party's share of every value (which conversions make too). What travels in ciphertexts is
judged where it is decrypted (tests/runtime/he/test_shares.py).

The chance of a false alarm of the whole file is below 1e-6: Pearson's chi-square of groups of bits, each against
`FALSE_ALARM` over the number of groups (Bonferroni). The margin of 1e3 is for the tail of Pearson's statistic, which is
heavier than that of chi-square by a small factor where a group of values is expected 25 times or more.
"""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from scipy.stats import chi2
from small_models import make_model

import ppc
from ppc.runtime.mpc.lockstep import Part
from ppc.runtime.net.memory import MemoryChannel, pair
from ppc.runtime.party import Session
from ppc.runtime.phases import new_session, pairs, roles, run_party
from ppc.runtime.places import holders
from ppc.runtime.plan import Plan
from ppc.runtime.status import Status

FALSE_ALARM = 1e-9
RNG = np.random.default_rng(5)  # of the model and the input; nothing that is judged comes from it
POLICY = """party client, server, {pair}dealer
input * secret of client
weight * secret of server
output * reveal to {learner} because "a test"
trust client semi_honest
trust server semi_honest
trust dealer non_colluding
{trusted}
allow mpc
"""
NOBODY = {"pair": "", "trusted": ""}
SLOW = {"pair": "", "trusted": "network wan"}
OUTSOURCED = {
    "pair": "compute0, compute1, ",
    "trusted": "trust compute0 non_colluding\ntrust compute1 non_colluding",
}


def image_network() -> onnx.ModelProto:
    node, of = onnx.helper.make_node, RNG.normal(size=(2, 1, 3, 3)).astype(np.float32)
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "v"], ["g"]),
        node("Sigmoid", ["g"], ["y"]),
    ]
    constants = {"w": of, "b": np.ones(2, np.float32), "v": RNG.normal(size=(8, 3)).astype(np.float32)}
    return make_model(nodes, {"x": [1, 1, 6, 6]}, ["y"], constants)


def attention_network() -> onnx.ModelProto:
    node = onnx.helper.make_node
    nodes = [
        node("MatMul", ["x", "w"], ["q"]),
        node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["q", "t"], ["s"]),
        node("Softmax", ["s"], ["a"], axis=-1),
        node("MatMul", ["a", "x"], ["y"]),
    ]
    return make_model(nodes, {"x": [1, 3, 4]}, ["y"], {"w": RNG.normal(size=(4, 4)).astype(np.float32)})


def dense_network() -> onnx.ModelProto:
    """Few elements: over a slow network they are compared by keys, whose corrections go to both parties."""
    node = onnx.helper.make_node
    nodes = [
        node("Gemm", ["x", "w"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("Gemm", ["b", "v"], ["c"]),
        node("Sigmoid", ["c"], ["y"]),
    ]
    constants = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in (("w", (4, 3)), ("v", (3, 2)))}
    return make_model(nodes, {"x": [1, 4]}, ["y"], constants)


#: The model, who learns the output, and who holds shares where client and server do not.
NETWORKS: dict[str, tuple[Any, str, dict[str, str]]] = {
    "image": (image_network, "client", NOBODY),
    "attention": (attention_network, "server", NOBODY),
    "dense, slow network": (dense_network, "client", SLOW),
    "outsourced image": (image_network, "client", OUTSOURCED),
    "outsourced attention": (attention_network, "server", OUTSOURCED),
}


class Runs:
    """What each party got, by the place in the program where it got it: an array with a row a run."""

    def __init__(self, folder: Path, name: str, count: int):
        make, learner, others = NETWORKS[name]
        onnx.save(make(), folder / "model.onnx")
        (folder / "policy.ppc").write_text(POLICY.format(learner=learner, **others))
        plan, program = Plan.load(ppc.compile(folder / "model.onnx", folder / "policy.ppc").save(folder / "plan.py"))
        shape = plan.manifest["model"]["inputs"][0]["shape"]
        self.feed = {"x": RNG.normal(size=shape).astype(np.float32)}
        self.count, self.held = count, defaultdict[tuple[str, str], list[np.ndarray]](list)
        parties = roles(plan.manifest)
        channels: dict[str, dict[str, MemoryChannel]] = {p: {} for p in parties}
        for a, b in pairs(plan.manifest):
            channels[a][b], channels[b][a] = pair(a, b, timeout=120)
        errors: list[Any] = []

        def party(role: str) -> None:
            try:
                session = Watched(self.held, **vars(new_session(plan, role, channels[role])))
                run_party(session, program, [self.feed] * count if role == "client" else [], status=Status())
            except BaseException as e:
                errors.append((role, e))

        threads = [threading.Thread(target=party, args=(p,)) for p in parties]
        for t in threads:
            t.start()
        for t in threads:
            t.join(600)
        assert not errors, errors
        for role, peers in channels.items():
            for sender, channel in peers.items():
                for tag, payload in channel.transcript:
                    self._sort(role, sender, tag, payload)

    def _sort(self, role: str, sender: str, tag: str, payload: Any) -> None:
        match = re.fullmatch(r"(?:mpc\.material\.)?\d+\.(.+)", tag)
        if match is not None and not isinstance(payload, bytes):  # what comes once in a session is no part of a run
            for i, array in enumerate(payload):
                self.held[role, f"from {sender}: {match[1]} array {i}"].append(array)


class Watched(Session):
    """A session that notes the party's share of every value: at once, or when its step ends (`Lockstep`)."""

    def __init__(self, held: Any, **fields: Any):
        super().__init__(**fields)
        self.__dict__["held"] = held

    def take(self, spec: Any, step: Any, *operands: Any) -> Any:
        result = super().take(spec, step, *operands)
        values = result if isinstance(result, tuple) else (result,)
        for i, value in enumerate(values if spec.writes == "mpc" and self.role in holders(self.manifest) else ()):
            held = self.__dict__["held"][self.role, f"its share of {step.id}.{i} ({step.name})"]
            if isinstance(value.data, Part):
                value.data.task.finish = partial(_noting, held, value.data, value.data.task.finish)
            else:
                held.append(value.data.copy())
        return result


def _noting(held: list[np.ndarray], part: Part, finish: Any, shares: tuple[np.ndarray, ...]) -> None:
    held.append(shares[part.index].copy())
    finish(shares)


def bits_of(arrays: list[np.ndarray]) -> np.ndarray:
    """(runs, elements, bits of an element)"""
    a = np.stack([np.ascontiguousarray(a).reshape(-1) for a in arrays])
    return np.unpackbits(a.view(np.uint8).reshape(*a.shape, a.itemsize), axis=-1)


def groups(arrays: list[np.ndarray], width: int) -> Iterator[tuple[np.ndarray, int]]:
    """Values of up to `width` neighbouring bits that an element uses, a row for each run; and how many bits these are.

    A word may have more bits than the protocol uses: these are zero in every run, and carry nothing. An element
    that is zero in every run is a value without a mask.
    """
    bits = bits_of(arrays)
    for element in range(bits.shape[1]):
        used = bits[:, element, bits[:, element].any(0)]
        if used.shape[1] == 0:
            yield np.zeros(len(bits), int), width
        for at in range(0, used.shape[1], width):
            wide = min(width, used.shape[1] - at)
            yield used[:, at : at + wide] @ (1 << np.arange(wide)), wide


def verdicts(held: dict[tuple[str, str], list[np.ndarray]], width: int) -> dict[tuple[str, str], float]:
    """The smallest p-value at each place, times the number of all tests."""
    least: dict[tuple[str, str], float] = {}
    tests = 0
    for place, arrays in held.items():
        for values, wide in groups(arrays, width):
            expected = len(values) / (1 << wide)
            counts = np.bincount(values, minlength=1 << wide)
            p = float(chi2.sf(((counts - expected) ** 2).sum() / expected, (1 << wide) - 1))
            least[place] = min(p, least.get(place, 1.0))
            tests += 1
    return {place: p * tests for place, p in least.items()}


def judge(folder: Path, name: str, count: int, width: int) -> None:
    runs, (_, _, others) = Runs(folder, name, count), NETWORKS[name]
    shares = [place for place in runs.held if "share of" in place[1]]
    material = [place for place in runs.held if "from dealer" in place[1]]
    messages = [place for place in runs.held if re.match("from (?!dealer)", place[1])]
    assert len(shares) >= 8 and len(material) >= 5 and len(messages) >= 8
    assert all(len(arrays) == count for arrays in runs.held.values())
    assert any(role == "client" for role, _ in material) == (others is SLOW), "keys alone are sent to the client"
    refused = {place: p for place, p in verdicts(runs.held, width).items() if p < FALSE_ALARM}
    assert refused == {}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_hundred_runs(name: str, tmp_path: Path) -> None:
    judge(tmp_path, name, 100, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_thousand_runs(name: str, tmp_path: Path) -> None:
    judge(tmp_path, name, 1000, 4)


LEAKS = ["a constant", "a zero", "a mask of 32 bits", "one of two masks", "none"]


@pytest.mark.parametrize(
    ("leak", "count", "width"),
    [*((leak, *size) for leak in LEAKS for size in ((100, 2), (1000, 4))), ("a biased bit", 1000, 4)],
)
def test_a_leak_in_one_element_is_found(leak: str, count: int, width: int) -> None:
    """The test can fail, and does not where it should not."""
    rng = np.random.default_rng(1)
    arrays = [rng.integers(0, 2**64, (5,), np.uint64) for _ in range(count)]
    for a in arrays:
        match leak:
            case "a constant":
                a[3] = 98304
            case "a zero":
                a[3] = 0
            case "a mask of 32 bits":
                a[3] = np.uint64(7 << 40) + (a[3] >> np.uint64(32))
            case "one of two masks":
                a[3] = (0x123456789ABCDEF0, 0xFEDCBA9876543210)[int(a[0]) & 1]
            case "a biased bit":
                a[3] |= a[2] & np.uint64(1 << 60) | a[1] & np.uint64(1 << 60)
    found = verdicts({("server", "m"): arrays}, width)["server", "m"]
    assert (found < FALSE_ALARM) == (leak != "none")
