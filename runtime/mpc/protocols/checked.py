"""`mpc.checked`: a value goes on unchanged, and the party that will learn it is told whether a function it depends on
was given a value outside its declared range (`ppc.runtime.ranges`).

Protocols count such values with `Engine.outside`; the counts stay shared. Here those of the nodes `of` are added up,
and party `to` learns one bit: is the sum zero?
"""

from collections.abc import Mapping
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.engine import CLIENT, SERVER, Engine
from ppc.runtime.mpc.gates.verdict import Verdict, VerdictShare
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.protocols.scale import excess
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds


def checked(e: Engine, attrs: Mapping[str, Any], x: Ring) -> Rounds[Ring]:
    """x, truncated beside where it has more fractional bits. Raises PPC6016 at the party that is told: two rounds, 16
    bytes."""
    count, more = e.counted(list(attrs["of"])), excess(attrs)
    gate = VerdictShare() if e.outsourced else Verdict({"client": CLIENT, "server": SERVER}[attrs["to"]])
    if more:
        x, found = yield from e.beside(lambda e: truncate(e, x, more), lambda e: e.apply(gate, count))
    else:
        found = yield from e.apply(gate, count)
    if e.outsourced:
        e.doubt = found  # `ppc.runtime.mpc.told` sends it
    elif found:
        raise left_range(attrs)
    return x


def left_range(attrs: Mapping[str, Any]) -> PartyError:
    """The error of the party that is told."""
    return PartyError(
        "PPC6016",
        f"a value left the range in which its function holds under MPC, in one of {', '.join(map(repr, attrs['of']))}",
        help="`ppc run --mode simulate` on this input names the node and the value; calibrate with data like it, "
        "or let the node run elsewhere.",
    )
