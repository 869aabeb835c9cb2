"""The enclave's session over memory channels: attest, release, convert; and everything that must be refused."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from ppc.runtime.convert import tee as convert
from ppc.runtime.errors import PartyError
from ppc.runtime.net.memory import MemoryChannel, pair
from ppc.runtime.party import Session, Step
from ppc.runtime.tee import measure, simulated
from ppc.runtime.tee.engine import setup
from ppc.runtime.value import Value

UNLOCKED = {"all": "off: enclave and test share a process"}


def manifest(**tee: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "steps": [
            {"step": "tee.Identity", "operands": ["x", "@w"]},
            {"step": "tee.Identity", "operands": ["@everybodys"]},
            {"step": "he.linear", "operands": ["@he_only"]},
        ],
        "weights": {
            "@w": {"shape": [2, 3], "public": False},
            "@everybodys": {"shape": [1], "public": True},
            "@he_only": {"shape": [4], "public": False},
        },
        "tee": {"kind": "simulated", "allow_simulated": True} | tee,
    }
    plan["tee"].setdefault("measurement", measure.measurement(plan))
    return plan


class Deployment:
    """Client, server and enclave in threads, over recorded channels."""

    def __init__(self, plan: dict[str, Any], enclave_plan: dict[str, Any] | None = None, root: bytes | None = None):
        private, public = simulated.new_root()
        self.roots = {"client": public, "server": public, "enclave": root or private}
        self.sessions = {r: Session(r, plan) for r in ("client", "server")}
        self.sessions["enclave"] = Session("enclave", enclave_plan or plan)
        for owner in ("client", "server"):
            self.sessions[owner].channels["enclave"], self.sessions["enclave"].channels[owner] = pair(
                owner, "enclave", timeout=0.5
            )
        self.weights = {"@w": np.arange(6, dtype=np.float32).reshape(2, 3), "@he_only": np.ones(4, np.float32)}
        self.sessions["server"].weights = dict(self.weights)

    def at_enclave(self, owner: str) -> MemoryChannel:
        channel = self.sessions["enclave"].channels[owner]
        assert isinstance(channel, MemoryChannel)
        return channel

    def everywhere(self, work: Any) -> dict[str, Any]:
        with ThreadPoolExecutor(3) as pool:
            jobs = {role: pool.submit(work, session) for role, session in self.sessions.items()}
            return {role: job.exception() or job.result() for role, job in jobs.items()}

    def start(self) -> dict[str, Any]:
        return self.everywhere(lambda s: setup(s, self.roots[s.role], lambda: UNLOCKED))


def started() -> Deployment:
    deployment = Deployment(manifest())
    for result in deployment.start().values():
        assert not isinstance(result, Exception), result
    return deployment


def step(name: str, shape: tuple[int, ...], dtype: str = "f32", id: int = 1) -> Step:
    record = {"id": id, "step": name, "op": "", "node": "n", "shape": shape, "shapes": [shape], "dtype": dtype}
    return Step.from_json(record | {"attrs": {}})


def test_attested_session_releases_only_the_weights_of_tee_steps() -> None:
    d = started()
    enclave = d.sessions["enclave"]
    assert set(enclave.weights) == {"@w"}
    assert np.array_equal(enclave.weights["@w"], d.weights["@w"])
    assert d.sessions["client"].engines["tee"].claims.notice.startswith("SIMULATION")
    assert d.sessions["client"].engines["tee"].lockdown == UNLOCKED
    sent = b"".join(blob for _, blob in d.at_enclave("server").transcript)
    assert d.weights["@w"].tobytes() not in sent


@pytest.mark.parametrize("missing", [False, None, 1, "yes"])
def test_simulation_is_refused_unless_the_policy_allows_it(missing: Any) -> None:
    assert_refused(Deployment(manifest(allow_simulated=missing)), "does not allow")


def test_another_program_is_refused_and_the_difference_named() -> None:
    plan = manifest()
    other = json.loads(json.dumps(plan))
    other["steps"].append({"step": "reveal.tee_to_server", "operands": ["x"]})
    assert_refused(Deployment(plan, enclave_plan=other), "manifest is")


def test_another_root_is_refused() -> None:
    assert_refused(Deployment(manifest(), root=simulated.new_root()[0]), "signature does not verify")


def test_unknown_kind_is_refused() -> None:
    assert_refused(Deployment(manifest(kind="tdx9"), enclave_plan=manifest()), "known are")


def assert_refused(d: Deployment, reason: str) -> None:
    results = d.start()
    for owner in ("client", "server"):
        assert isinstance(results[owner], PartyError) and results[owner].code == "PPC6008", results[owner]
        assert reason in str(results[owner])
        channel = d.sessions[owner].channels["enclave"]
        assert channel.bytes_sent == 32, "more than the nonce left the owner"
    assert isinstance(results["enclave"], PartyError)
    assert d.sessions["enclave"].weights == {}


@pytest.mark.parametrize("owner", ["client", "server"])
def test_sealed_value_arrives_exactly_and_unreadable(owner: str) -> None:
    d = started()
    x = np.random.default_rng(1).normal(size=(5, 7))
    into = {"client": convert.client_to_tee, "server": convert.server_to_tee}[owner]
    out = {"client": convert.tee_to_client, "server": convert.tee_to_server}[owner]

    def work(s: Session) -> Any:
        if s.role not in (owner, "enclave"):
            return None
        there = into(s, step("in", x.shape), Value(owner, x.shape, x if s.role == owner else None))
        return there, out(s, step("out", x.shape, id=2), there)

    results = d.everywhere(work)
    inside, _ = results["enclave"]
    _, back = results[owner]
    assert np.array_equal(inside.data, x) and np.array_equal(back.data, x) and back.domain == owner
    for channel in (d.at_enclave(owner), d.sessions[owner].channels["enclave"]):
        seen = b"".join(blob for _, blob in channel.transcript)  # type: ignore[union-attr]
        assert x.tobytes()[:16] not in seen and x.tobytes()[-16:] not in seen


def test_shares_meet_exactly_in_the_enclave_and_leave_as_fresh_shares() -> None:
    d = started()
    rng = np.random.default_rng(2)
    x = np.round(rng.normal(scale=1000, size=(50,)) * 65536) / 65536
    ring = (x * 65536).astype(np.int64).view(np.uint64)
    mask = rng.integers(0, 2**64, 50, dtype=np.uint64)
    shares = {"client": mask.view(np.int64), "server": (ring - mask).view(np.int64), "enclave": None}

    def work(s: Session) -> Any:
        inside = convert.mpc_to_tee(s, step("in", (50,)), Value("mpc", (50,), shares[s.role]))
        return inside, convert.tee_to_mpc(s, step("out", (50,), id=2), inside)

    results = d.everywhere(work)
    assert np.array_equal(results["enclave"][0].data, x)
    fresh = {owner: results[owner][1].data.view(np.uint64) for owner in ("client", "server")}
    assert np.array_equal((fresh["client"] + fresh["server"]).view(np.int64) / 65536, x)
    for share in fresh.values():
        assert not np.array_equal(share, ring) and len(np.unique(share >> np.uint64(56))) > 20


@pytest.mark.parametrize("bad", [np.inf, np.nan, 2.0**30])
def test_what_the_ring_cannot_hold_is_refused(bad: float) -> None:
    d = started()
    with pytest.raises(PartyError, match="PPC6010"):
        convert.tee_to_mpc(d.sessions["enclave"], step("out", (1,)), Value("tee", (1,), np.array([bad])))


def test_denormals_do_not_enter() -> None:
    d = started()
    x = np.array([1e-40, -1e-310, 1e-37, 0.5])

    def work(s: Session) -> Any:
        return s.role != "server" and convert.client_to_tee(s, step("in", (4,)), Value("client", (4,), x))

    assert d.everywhere(work)["enclave"].data.tolist() == [0.0, 0.0, 1e-37, 0.5]


def test_integers_and_booleans_keep_their_type() -> None:
    d = started()
    for id, (x, dtype) in enumerate([(np.array([2**60 + 1]), "i64"), (np.array([True]), "bool")]):

        def work(s: Session, x: Any = x, dtype: str = dtype, id: int = id) -> Any:
            return s.role != "server" and convert.client_to_tee(
                s, step("in", (1,), dtype, id), Value("client", (1,), x)
            )

        inside = d.everywhere(work)["enclave"].data
        assert inside.dtype == x.dtype and inside[0] == x[0]


@pytest.mark.parametrize("attack", ["flip", "repeat", "other step", "truncate"])
def test_altered_sealed_traffic_does_not_open(attack: str) -> None:
    d = started()
    client, enclave = d.sessions["client"], d.sessions["enclave"]
    convert.client_to_tee(client, step("in", (2,)), Value("client", (2,), np.ones(2)))
    wire = d.at_enclave("client")
    tag, blob = wire._in.get()
    wanted = step("in", (2,), id=9 if attack == "other step" else 1)
    if attack == "repeat":
        wire._in.put((tag, blob))
        convert.client_to_tee(enclave, wanted, Value("client", (2,)))
    altered = {"flip": blob[:-1] + bytes([blob[-1] ^ 1]), "truncate": blob[:-1]}.get(attack, blob)
    wire._in.put((wanted.tag, altered))
    with pytest.raises(PartyError, match="PPC6003"):
        convert.client_to_tee(enclave, wanted, Value("client", (2,)))
