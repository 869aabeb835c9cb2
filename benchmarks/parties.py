"""Client, server and dealer as threads of this process, over channels in memory."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from numpy.typing import NDArray

from ppc.runtime.mpc.deal import deal, receive_material
from ppc.runtime.mpc.state import setup
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session

COMPUTING = ("client", "server")


class Parties:
    """Sessions of the three roles for a program of MPC steps, numbered from 1. `weights` are the server's."""

    def __init__(self, operators: Sequence[str], weights: Mapping[str, NDArray[Any]]) -> None:
        manifest = {
            "weights": {name: {"shape": list(w.shape)} for name, w in weights.items()},
            "steps": [{"id": i, "step": f"mpc.{op}"} for i, op in enumerate(operators, 1)],
        }
        self.sessions = {role: Session(role, manifest) for role in (*COMPUTING, "dealer")}
        for a, b in (("client", "server"), ("client", "dealer"), ("server", "dealer")):
            self.sessions[a].channels[b], self.sessions[b].channels[a] = pair(a, b)
        self.sessions["server"].weights = dict(weights)

    def prepare(self, program: Callable[[Session], Any], passes: int) -> None:
        """Set-up and material for so many passes."""
        self._together({role: partial(setup, session) for role, session in self.sessions.items()})
        self._together(
            {
                "dealer": lambda: deal(self.sessions["dealer"], program, passes),
                **{role: partial(receive_material, self.sessions[role], passes) for role in COMPUTING},
            }
        )

    def compute(self, job: Callable[[Session], Any]) -> dict[str, Any]:
        """What `job` gives at client and server, which run it at the same time."""
        return self._together({role: partial(job, self.sessions[role]) for role in COMPUTING})

    def _together(self, jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        with ThreadPoolExecutor(len(jobs)) as pool:
            waiting = {role: pool.submit(job) for role, job in jobs.items()}
            return {role: future.result() for role, future in waiting.items()}
