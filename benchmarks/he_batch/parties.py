"""Client and server of a plan in one process, so that the server's steps can be timed alone."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time, thread_time
from typing import Any

from numpy.typing import NDArray

from benchmarks.he_batch.unqueued import Watched, unqueued
from ppc.runtime.he import engine
from ppc.runtime.he.batch_border import as_held
from ppc.runtime.he.ways import Ways
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.plan import Plan
from ppc.runtime.schema import StepSpec

#: Seconds in which the other party says nothing: it computes in this process.
PATIENCE = 600.0

Program = Callable[[Session], None]


@dataclass
class Server(Session):
    """A server that, where asked, computes each step at once, and notes the seconds of its kind: of the wall clock, and
    without those in which a thread waited for a core."""

    at_once: bool = False
    spent: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, spec: StepSpec, step: Step, *operands: Any) -> Any:
        if not self.at_once or not step.name.startswith("he.batch_"):
            return super().take(spec, step, *operands)
        wall, own = perf_counter(), unqueued()
        value = super().take(spec, step, *operands)
        value.data = as_held(self.engines["he"], value.data)
        kind = step.name.removeprefix("he.batch_")
        kind = {"linear": str(step.attrs["source"]).lower(), "rescale": "relinearise and rescale"}.get(kind, kind)
        before = self.spent.get(kind, (0.0, 0.0))
        workers: Any = self.engines["he"].workers
        self.spent[kind] = before[0] + perf_counter() - wall, before[1] + workers.balanced(unqueued() - own)
        return value

    def use(self, threads: int) -> None:
        self.engines["he"].ways = Ways(self.engines["he"].context, Watched(threads))


@dataclass(frozen=True)
class Pass:
    """Seconds of the server between the last ciphertext that arrives and the last that leaves, of the wall clock and of
    its processor time; of the client's thread to encrypt and to decrypt, processor time; and the outputs."""

    server: float
    server_cpu: float
    encrypt: float
    decrypt: float
    y: NDArray[Any]


def parties(plan: Plan) -> tuple[Session, Server]:
    """Both after set-up."""
    a, b = pair("client", "server", timeout=PATIENCE)
    client, server = Session("client", plan.manifest, {"server": a}), Server("server", plan.manifest, {"client": b})
    server.weights = {**plan.public_constants(), **plan.server_weights()}
    client.weights = dict(plan.public_constants())
    together(lambda: engine.setup(client), lambda: engine.setup(server))
    return client, server


def one_pass(client: Session, server: Server, program: Program, x: NDArray[Any], run: int) -> Pass:
    """One pass over a whole batch."""
    marks: dict[str, float] = {}
    entered = threading.Event()

    def on_server(step: int, of: int, name: str) -> None:
        if step > 0 and "start" not in marks and name.startswith("he."):
            entered.wait()
            marks["start"], marks["busy"] = perf_counter(), process_time()

    def on_client(step: int, of: int, name: str) -> None:
        if name.startswith("convert."):
            marks["encrypt"] = thread_time()
        elif name.startswith("reveal."):
            marks["encrypt"], marks["decrypt"] = thread_time() - marks["encrypt"], thread_time()
            entered.set()

    server.on_step, client.on_step = on_server, on_client
    client.start_run(run, {"x": x})
    server.start_run(run, {})

    def ask() -> None:
        program(client)
        marks["decrypt"] = thread_time() - marks["decrypt"]

    def serve() -> None:
        program(server)
        marks["stop"], marks["busy"] = perf_counter(), process_time() - marks["busy"]

    together(ask, serve)
    (y,) = client.outputs.values()
    return Pass(marks["stop"] - marks["start"], marks["busy"], marks["encrypt"], marks["decrypt"], y)


def together(*calls: Callable[[], Any]) -> None:
    """Run each call in a thread of its own."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
