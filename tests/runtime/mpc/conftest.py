"""Three parties as threads over channels in memory, and one step at a time."""

import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ppc.runtime.mpc.deal import deal, receive_material
from ppc.runtime.mpc.ring import decode, encode
from ppc.runtime.mpc.state import setup
from ppc.runtime.mpc.steps import run as run_step
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Value, Weight

PAIRS = (("client", "server"), ("client", "dealer"), ("server", "dealer"))


def sessions(manifest: Mapping[str, Any], weights: Mapping[str, Any], timeout: float = 20.0) -> dict[str, Session]:
    found = {role: Session(role, manifest) for role in ("client", "server", "dealer")}
    for a, b in PAIRS:
        found[a].channels[b], found[b].channels[a] = pair(a, b, timeout)
    found["server"].weights = dict(weights)
    return found


def together(jobs: Mapping[str, Any]) -> dict[str, Any]:
    """Run one callable a role at the same time; the first error of any is raised here."""
    results: dict[str, Any] = {}
    errors: list[BaseException] = []

    def go(role: str, job: Any) -> None:
        try:
            results[role] = job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go, args=item) for item in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def split(ring: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mask = np.frombuffer(secrets.token_bytes(ring.nbytes), np.uint64).reshape(ring.shape)
    return mask, np.asarray(ring - mask)


@dataclass
class Outcome:
    value: np.ndarray
    rounds: int
    sent: tuple[int, int]  # bytes by the client, by the server
    dealt: int  # bytes of the dealer
    transcripts: dict[str, list[Any]]
    sessions: dict[str, Session]
    seconds: float
    further: list[np.ndarray]  # of steps with several results


def mpc(
    op: str,
    *operands: Any,
    attrs: Mapping[str, Any] | None = None,
    weights: Mapping[str, Any] | None = None,
    shape: Sequence[int],
    raw: bool = False,
    further: Sequence[tuple[int, ...]] = (),
    timeout: float = 20.0,
) -> Outcome:
    """One mpc step on fresh shares of the operands: arrays are values, strings are weights, None is absent."""
    weights = weights or {}
    manifest = {
        "weights": {n: {"shape": list(np.shape(w))} for n, w in weights.items()},
        "steps": [{"id": 1, "step": f"mpc.{op}"}],
    }
    step = Step(1, f"mpc.{op}", op, "node", tuple(shape), "f32", dict(attrs or {}), 0, tuple(further))
    found = sessions(manifest, weights, timeout)
    parts: dict[str, list[Any]] = {role: [] for role in found}
    bits = (attrs or {}).get("operand_bits", [FRACTION_BITS] * len(operands))
    for i, operand in enumerate(operands):
        if operand is None or isinstance(operand, str):
            for role in found:
                weight = (
                    None
                    if operand is None
                    else Weight(operand, np.shape(weights[operand]), weights[operand] if role == "server" else None)
                )
                parts[role].append(weight)
            continue
        ring = operand if raw else encode(operand, bits[i])
        halves = split(ring)
        for role, half in zip(("client", "server", "dealer"), (*halves, None), strict=True):
            parts[role].append(Value("mpc", ring.shape, None if half is None else half.view(np.int64)))
    together({role: lambda s=s: setup(s) for role, s in found.items()})

    def dealer() -> None:
        deal(found["dealer"], lambda session: run_step(session, step, *parts["dealer"]), 1)

    together(
        {
            "dealer": dealer,
            "client": lambda: receive_material(found["client"], 1),
            "server": lambda: receive_material(found["server"], 1),
        }
    )
    link = found["client"].channels["server"], found["server"].channels["client"]
    for c in link:
        c.bytes_sent = c.rounds = 0
        c.transcript.clear()  # type: ignore[attr-defined]
    start = time.perf_counter()
    done = together(
        {role: lambda role=role: run_step(found[role], step, *parts[role]) for role in ("client", "server")}
    )
    seconds = time.perf_counter() - start
    both = [v if isinstance(v, tuple) else (v,) for v in (done["client"], done["server"])]
    total, *more = [a.data.view(np.uint64) + b.data.view(np.uint64) for a, b in zip(*both, strict=True)]
    dealt = sum(c.bytes_sent for c in found["dealer"].channels.values())
    return Outcome(
        total if raw else decode(total, (attrs or {}).get("fraction_bits", FRACTION_BITS)),
        max(c.rounds for c in link),
        (link[0].bytes_sent, link[1].bytes_sent),
        dealt,
        {r: c.transcript for r, c in zip(("client", "server"), link, strict=True)},  # type: ignore[attr-defined]
        found,
        seconds,
        [decode(m) for m in more],
    )


@pytest.fixture
def step_of_mpc() -> Any:
    return mpc


@pytest.fixture
def mpc_sessions() -> Any:
    return sessions


@pytest.fixture(name="together")
def together_() -> Any:
    return together
