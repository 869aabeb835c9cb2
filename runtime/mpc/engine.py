"""One step of MPC at one role. A protocol is a function that all three roles run: `protocol(engine, attrs, *operands)`.

It works on ring arrays (uint64: a share, or at the dealer zeros of the right shape) with numpy, and on `gates`:
what needs the other party. A gate has two parts: `deal` makes its correlated randomness, from shapes alone;
`online` uses it. Both take and make material in the same order, and `Engine.apply` picks the part that belongs to
the role. What needs the other party is a generator (`ppc.runtime.mpc.turn`): protocols call it by `yield from`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.material import Chunk
from ppc.runtime.mpc.ring import Ring, encode
from ppc.runtime.mpc.turn import Arrays, Rounds, T, Turn, U, both, play, specs_of
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.net.channel import Channel, Spec
from ppc.runtime.schema import FRACTION_BITS, Tables
from ppc.runtime.value import Weight

CLIENT, SERVER = 0, 1
#: What a weight that is only added saturates at.
MASK = 2.0**29


class Party:
    """What a gate sees of a computing party: its rank, its material, and the peer."""

    def __init__(
        self, rank: int, channel: Channel, chunk: Chunk, tag: str, masked: dict[int, Ring], own: dict[int, Ring]
    ):
        self.rank, self._channel, self._chunk, self._tag = rank, channel, chunk, tag
        self._masked, self._own, self._alone = masked, own, 0
        self._weights: list[WeightForm] = []  # in the order of their first use
        self.first = np.uint64(1 if rank == CLIENT else 0)  # × a public value: exactly one party adds it

    def __repr__(self) -> str:
        return f"Party({self.rank}, {self._tag})"

    def random(self, shape: tuple[int, ...], dtype: str = "uint64") -> NDArray[Any]:
        """This party's half of `Dealer.random` or `Dealer.random_xor`."""
        half: NDArray[Any] = self._chunk.take("random", dtype, tuple(shape))
        return half

    def client(self, shape: tuple[int, ...]) -> Any:
        """The whole of `Dealer.client` at the client; None at the server."""
        return self._chunk.take("client", "uint64", tuple(shape))

    def own(self, shape: tuple[int, ...]) -> Ring:
        """What the dealer drew for either party alone: `Dealer.client`, then `Dealer.server`."""
        both = self._chunk.take("client", "uint64", tuple(shape)), self._chunk.take("server", "uint64", tuple(shape))
        mine: Ring = both[self.rank]
        return mine

    def told(self, shape: tuple[int, ...], dtype: str = "uint64") -> NDArray[Any]:
        """What both parties know: `Dealer.tell`."""
        both: NDArray[Any] = self._chunk.take("told", dtype, tuple(shape))
        return both

    def share(self, shape: tuple[int, ...], dtype: str = "uint64") -> NDArray[Any]:
        """This party's half of `Dealer.share`, `share_xor` or (dtype "bit") `share_bits`."""
        half: NDArray[Any] = self._chunk.take("share", dtype, tuple(shape))
        return half

    def ahead(self) -> Any:
        """What this party computed before the pass for the step's first gate; None where it did not, and afterwards."""
        return self._chunk.take_ahead()

    def weight(self, form: WeightForm) -> Ring:
        """A weight of the step: W itself at the server, W − B at the client."""
        assert not (self._own and self._masked), "neither holder knows this weight: `gates.masked_weight`"
        return (self._own if self.rank == SERVER else self._masked)[self._index(form)]

    def masked_weight(self, form: WeightForm) -> tuple[Ring, Ring]:
        """Of a weight that neither holder knows: W − B, which both have, and this party's half of B."""
        index = self._index(form)
        return self._masked[index], self._own[index]

    def _index(self, form: WeightForm) -> int:
        if form not in self._weights:
            self._weights.append(form)
        return self._weights.index(form)

    def swap(self, *arrays: NDArray[Any]) -> Rounds[Arrays]:
        """The peer's arrays of the same types and shapes: one round."""
        return (yield Turn(arrays, specs_of(arrays)))

    def open(self, *shares: NDArray[Any]) -> Rounds[list[NDArray[Any]]]:
        """Sums of additive shares, to both parties: one round."""
        theirs = yield from self.swap(*shares)
        return [a + b for a, b in zip(shares, theirs, strict=True)]

    def open_xor(self, shares: NDArray[Any]) -> Rounds[NDArray[Any]]:
        """XOR of shares, to both parties: one round."""
        (theirs,) = yield from self.swap(shares)
        opened: NDArray[Any] = shares ^ theirs
        return opened

    def open_bits(self, bits: NDArray[Any]) -> Rounds[NDArray[Any]]:
        """XOR of shared bits (uint8), packed on the wire: one round."""
        packed = yield from self.open_xor(np.packbits(bits))
        return np.unpackbits(packed, count=bits.size).reshape(bits.shape)

    def send(self, *arrays: NDArray[Any]) -> Rounds[None]:
        """To the peer, which takes the same turn with `receive`: one round, in one direction."""
        yield Turn(arrays, ())

    def receive(self, *specs: Spec) -> Rounds[Arrays]:
        return (yield Turn((), specs))

    def fork(self) -> tuple["Party", "Party"]:
        """This party on each of the next two branches of its material."""
        branches = []
        for chunk in self._chunk.fork():
            branch = Party(self.rank, self._channel, chunk, self._tag, self._masked, self._own)
            branch._weights = self._weights
            branches.append(branch)
        return branches[0], branches[1]

    def alone(self, rounds: Rounds[T]) -> T:
        """Run a piece of protocol at once, in messages of its own: for what cannot be a generator."""
        self._alone += 1
        return play(rounds, self._channel, f"{self._tag}.alone{self._alone}")


class Gate(Protocol):
    """A piece of protocol with its own correlated randomness; its fields are public."""

    def deal(self, d: Dealer) -> Any:
        """Make the material; return zeros of the shape of the result."""
        ...

    def online(self, p: Party, *shares: Ring) -> Rounds[Any]:
        """Take the material and compute a share of the result."""
        ...


class Engine:
    """What a protocol sees: the same at the client, the server and the dealer."""

    def __init__(
        self,
        dealer: Dealer | None,
        party: Party | None,
        counts: Mapping[str, Ring] | None = None,
        tables: Tables = Tables.LARGE,
        outsourced: bool = False,
    ):
        self._dealer, self._party = dealer, party
        self._counts = counts or {}  # of earlier nodes in this pass
        self.tables = tables
        self.outsourced = outsourced  # neither holder of shares knows the weights
        self.doubt: Ring | None = None  # a share for the party that is told of values out of range, where it holds none
        self.first = party.first if party else np.uint64(0)
        self.left_range = np.zeros(1, np.uint64)  # this party's share of how many elements left their declared range

    @property
    def small(self) -> bool:
        """Are tables to be small?"""
        return self.tables is Tables.SMALL

    def apply(self, gate: Gate, *shares: Ring) -> Rounds[Any]:
        if self._dealer is not None:
            return gate.deal(self._dealer)
        assert self._party is not None
        return (yield from gate.online(self._party, *shares))

    def beside(
        self, first: "Callable[[Engine], Rounds[T]]", second: "Callable[[Engine], Rounds[U]]"
    ) -> Rounds[tuple[T, U]]:
        """Two pieces of a protocol that take their turns together; neither reads the other's result."""
        if self._dealer is not None:
            start = len(self._dealer.rows)
            a = yield from first(self)
            middle = len(self._dealer.rows)
            b = yield from second(self)
            self._dealer.fork(start, middle)
            return a, b
        assert self._party is not None
        one, two = (self._of(party) for party in self._party.fork())
        return (yield from both(first(one), second(two)))

    def _of(self, party: Party) -> "Engine":
        """This engine on a branch's material; what leaves its range there is counted here."""
        branch = Engine(None, party, self._counts, self.tables, self.outsourced)
        branch.left_range = self.left_range
        return branch

    def outside(self, *bits: Ring) -> None:
        """Count elements that left their declared range: shares of integers, 1 for each. No message; what becomes
        of the count is in `protocols.checked`."""
        for b in bits:
            self.left_range += b.sum(dtype=np.uint64)

    def counted(self, nodes: Sequence[str]) -> Ring:
        """A share of how many elements left their range in these nodes. PPC6006 for a node that took no step before."""
        missing = [node for node in nodes if node not in self._counts]
        if missing:
            raise PartyError("PPC6006", f"the plan checks the range of {missing[0]!r} before that node has run")
        total = np.zeros(1, np.uint64)
        for node in nodes:
            total += self._counts[node]
        return total

    def public(self, value: Any, bits: int) -> Ring:
        """Shares of a public value in fixed point: the client's is the value, the other zero."""
        return encode(value, bits) * self.first

    def constant(self, weight: Weight, bits: int, saturates: bool | None = None) -> Ring:
        """Shares of a weight that is only added: the server's is the weight, the other zero; or uniform ones.

        Attention masks add −10^9, −3·10^38 or −infinity where they mean "never": such a weight (`saturates`; by default
        all at FRACTION_BITS) is taken as ±2^29, the largest that `Where` and the comparisons take, or less where a
        value has more fractional bits. ValueError where a bias does not fit.
        """
        saturates = bits == FRACTION_BITS if saturates is None else saturates
        limit = min(MASK, 2.0 ** (61 - bits)) if saturates else np.inf  # a bias that does not fit is refused
        if self.outsourced:
            return self._of_masked(WeightForm((weight.name,), "limited", (limit,), weight.shape, bits))
        if self._party is None or self._party.rank != SERVER:
            return np.zeros(weight.shape, np.uint64)
        return encode(np.clip(np.asarray(weight.data, np.float64), -limit, limit).reshape(weight.shape), bits)

    def _of_masked(self, form: WeightForm) -> Ring:
        """Shares of a weight from its masked form: one holder adds W − B to its half of B."""
        if self._dealer is not None:
            return np.zeros_like(self._dealer.weight(form))
        assert self._party is not None
        masked, own = self._party.masked_weight(form)
        return own + masked * self.first


__all__ = ["Engine", "Gate", "Party", "WeightForm"]
