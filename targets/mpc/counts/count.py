"""What a step of MPC takes before it is priced: work, rounds, bytes, offline bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ppc.ir.target import Cost


@dataclass(frozen=True)
class Count:
    """What a gate takes, before it is priced. `work`: how many of each unit, at the slower party, online:

    call      a step, whatever its size
    element   a local operation on an element
    compare   one opening and its digits; `sign`: each sign that is found with them
    level     of the trees that the keys of a comparison walk, all at once; `node`: of each tree
    product   an operand of a product of secrets; `mac`: a multiply-accumulate mod 2^64
    truncate, table   an element of these gates
    select    a candidate of a maximum

    A round has a price besides (framing, waking up, small-array overhead), to which the network adds its delay.
    """

    work: Mapping[str, float] = field(default_factory=dict)
    bytes: float = 0.0
    rounds: float = 0.0
    offline: float = 0.0

    def __add__(self, other: "Count") -> "Count":
        units = {**self.work, **{u: n + self.work.get(u, 0.0) for u, n in other.work.items()}}
        return Count(units, self.bytes + other.bytes, self.rounds + other.rounds, self.offline + other.offline)

    def __mul__(self, times: int) -> "Count":
        units = {u: n * times for u, n in self.work.items()}
        return Count(units, self.bytes * times, self.rounds * times, self.offline * times)

    def priced(self, prices: Mapping[str, float]) -> Cost:
        """`prices`: seconds of each unit, and of a "round"."""
        seconds = sum(n * prices[unit] for unit, n in self.work.items()) + self.rounds * prices["round"]
        return Cost(seconds, self.bytes, self.rounds, self.offline)


NOTHING = Count()
#: `mpc.checked`: one opening, and one share to the party that is told.
CHECKED = Count({"call": 1}, 16, 2, 16)
