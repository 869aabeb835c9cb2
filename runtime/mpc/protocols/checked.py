"""`mpc.checked`: a value goes on unchanged, and the party that will learn it is told whether a function it depends on
was given a value outside its declared range (`ppc.runtime.ranges`).

Protocols count such values with `Engine.outside`; the counts stay shared. Here those of the nodes `of` are added up,
and party `to` learns one bit: is the sum zero?
"""

from collections.abc import Mapping
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.engine import CLIENT, SERVER, Engine
from ppc.runtime.mpc.gates.verdict import Verdict
from ppc.runtime.mpc.protocols.linear import truncate
from ppc.runtime.mpc.protocols.scale import excess
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Rounds


def checked(e: Engine, attrs: Mapping[str, Any], x: Ring) -> Rounds[Ring]:
    """x, truncated beside where it has more fractional bits. Raises PPC6016 at the party that is told: two rounds, 16
    bytes."""
    nodes = list(attrs["of"])
    gate, count, more = Verdict({"client": CLIENT, "server": SERVER}[attrs["to"]]), e.counted(nodes), excess(attrs)
    if more:
        x, outside = yield from e.beside(lambda e: truncate(e, x, more), lambda e: e.apply(gate, count))
    else:
        outside = yield from e.apply(gate, count)
    if outside:
        raise PartyError(
            "PPC6016",
            f"a value left the range in which its function holds under MPC, in one of {', '.join(map(repr, nodes))}",
            help="`ppc run --mode simulate` on this input names the node and the value; calibrate with data like it, "
            "or let the node run elsewhere.",
        )
    return x
