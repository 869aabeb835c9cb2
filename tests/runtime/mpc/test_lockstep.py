"""Independent steps share rounds; dependent ones do not; whatever differs between the parties is noticed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.deal import deal, receive_material
from ppc.runtime.mpc.ring import decode, encode
from ppc.runtime.mpc.state import setup
from ppc.runtime.party import Session
from ppc.runtime.value import Value

N = 64
X = np.linspace(-3, 3, N)

#: name, the results it reads, attributes
Line = tuple[str, tuple[int, ...], Mapping[str, Any]]
BRANCHES: list[Line] = [
    ("mpc.Relu", (-1,), {}),
    ("mpc.Abs", (-1,), {}),
    ("mpc.Mul", (-1, -1), {}),
    ("mpc.Add", (0, 1), {}),
    ("mpc.Add", (3, 2), {}),
    ("mpc.Relu", (4,), {}),
]
EXPECTED = np.maximum(X, 0) + np.abs(X) + X * X


@pytest.fixture
def run_lines(mpc_sessions: Any, together: Any) -> Any:
    """Run lines of MPC steps on X; the sessions, and what came out. `lines` may differ by role."""

    def run(lines: Mapping[str, list[Line]] | list[Line], passes: int = 1) -> tuple[dict[str, Session], np.ndarray]:
        by_role = lines if isinstance(lines, Mapping) else dict.fromkeys(("client", "server", "dealer"), lines)
        found = mpc_sessions({}, {}, 1.0)
        for role, session in found.items():
            names = [f"v{i}" for i in range(len(by_role[role]))]
            session.manifest = {
                "weights": {},
                "steps": [
                    {"id": i + 1, "step": name, "op": "", "node": "", "shapes": [[N]], "dtype": "f32", "attrs": attrs}
                    | {"operands": ["x" if r < 0 else names[r] for r in reads], "results": [names[i]]}
                    for i, (name, reads, attrs) in enumerate(by_role[role])
                ],
            }
        together({role: lambda s=s: setup(s) for role, s in found.items()})

        def program(session: Session) -> Any:
            one = encode(X) - np.arange(N, dtype=np.uint64)
            share = {"client": one, "server": np.arange(N, dtype=np.uint64)}.get(session.role)
            x = Value("mpc", (N,), None if share is None else share.view(np.int64))
            values: list[Value] = []
            for name, reads, _ in by_role[session.role]:
                values.append(session.step(name, *(x if r < 0 else values[r] for r in reads)))
            return values

        together(
            {
                "dealer": lambda: deal(found["dealer"], program, passes),
                "client": lambda: receive_material(found["client"], passes),
                "server": lambda: receive_material(found["server"], passes),
            }
        )
        for link in (found["client"].channels["server"], found["server"].channels["client"]):
            link.rounds = link.bytes_sent = 0
            link.transcript.clear()
        for number in range(passes):

            def go(role: str, number: int = number) -> Any:
                found[role].start_run(number, {})
                return program(found[role])

            done = together({role: lambda role=role: go(role) for role in ("client", "server")})
        shares = [done[role][-1].data.view(np.uint64) for role in ("client", "server")]
        return found, decode(shares[0] + shares[1])

    return run


def test_branches_share_rounds(run_lines: Any) -> None:
    """Relu, Abs and Mul take three rounds together; the sums are local; the last Relu takes three more."""
    found, result = run_lines(BRANCHES)
    np.testing.assert_allclose(result, EXPECTED, atol=2.0**-13)
    link = found["client"].channels["server"]
    assert link.rounds == 6
    assert [tag for tag, _ in link.transcript] == ["0.1+2+3.1", "0.1+2+3.2", "0.1+2.3", "0.6.4", "0.6.5", "0.6.6"]


def test_what_is_read_by_nobody_else_is_let_go(run_lines: Any) -> None:
    found, _ = run_lines(BRANCHES)
    state = found["client"].engines["mpc"]
    assert state.due == [] and state.supply.left == 0


def test_each_step_is_metered(run_lines: Any) -> None:
    """What steps spend adds up to what the channel counts, and each has its own share of a message."""
    found, _ = run_lines(BRANCHES, passes=2)
    for role, peer in (("client", "server"), ("server", "client")):
        rows = {row["id"]: row for row in found[role].meter.rows()}
        link = found[role].channels[peer]
        assert sum(row["rounds"] for row in rows.values()) == link.rounds == 12
        assert rows[1]["bytes_sent"] == rows[6]["bytes_sent"] == 2 * (6 * N + 2 * N + N // 8)
        assert rows[3]["bytes_sent"] == 2 * 24 * N and rows[4]["bytes_sent"] == 0
        assert sum(row["bytes_sent"] for row in rows.values()) == link.bytes_sent
        assert all(row["seconds"] > 0 for row in rows.values())


def test_another_plan_at_the_peer_is_noticed(run_lines: Any) -> None:
    other = [BRANCHES[0], ("mpc.Reshape", (-1,), {"shape": [N]}), *BRANCHES[2:]]
    with pytest.raises(PartyError) as caught:
        run_lines({"client": BRANCHES, "server": other, "dealer": BRANCHES})
    assert caught.value.code in ("PPC6003", "PPC6009")


def test_a_step_that_fails_names_itself(run_lines: Any) -> None:
    with pytest.raises(PartyError) as caught:
        run_lines([("mpc.Relu", (-1,), {}), ("mpc.Reshape", (0,), {"shape": [7]})])
    assert caught.value.code == "PPC6003" and "step 2 (mpc.Reshape)" in str(caught.value)
