"""How gates and protocols talk: they yield what they send and what they wait for, and are given what the peer sent.

A protocol is a generator, so whoever runs it decides what travels together: one protocol alone (`play`), or several
in step with each other (`ppc.runtime.mpc.lockstep`).
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from ppc.runtime.net.channel import Channel, Spec

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one party sends in a turn, and what the peer sends it in the same turn. The peer's turn is its mirror."""

    send: Arrays
    due: tuple[Spec, ...]


T = TypeVar("T")
U = TypeVar("U")
#: A protocol on its way: yields turns, is sent the arrays that were due, returns its result.
Rounds = Generator[Turn, Arrays, T]


def talk(channel: Channel, tag: str, turn: Turn) -> Arrays:
    """Take one turn over a channel. Nothing is sent, or awaited, where a side has nothing to say."""
    if turn.send and turn.due == specs_of(turn.send):
        return channel.exchange(tag, *turn.send)
    if turn.send:
        channel.send(tag, *turn.send)
    return channel.receive(tag, *turn.due) if turn.due else ()


def specs_of(arrays: Arrays) -> tuple[Spec, ...]:
    return tuple((a.dtype, a.shape) for a in arrays)


def both(first: Rounds[T], second: Rounds[U]) -> Rounds[tuple[T, U]]:
    """Two pieces of a protocol in the same turns, for as long as both last."""
    pieces: list[Rounds[Any]] = [first, second]
    turns: list[Turn | None] = [None, None]
    results: list[Any] = [None, None]

    def go(i: int, heard: Arrays | None) -> None:
        try:
            turns[i] = next(pieces[i]) if heard is None else pieces[i].send(heard)
        except StopIteration as done:
            turns[i], results[i] = None, done.value

    go(0, None)
    go(1, None)
    while True:
        going = [(i, turn) for i, turn in enumerate(turns) if turn is not None]
        if not going:
            return results[0], results[1]
        heard = yield Turn(tuple(a for _, t in going for a in t.send), tuple(s for _, t in going for s in t.due))
        for i, turn in going:
            own, heard = heard[: len(turn.due)], heard[len(turn.due) :]
            go(i, own)


def dealt(rounds: Rounds[T]) -> T:
    """The result of a protocol at the dealer, where it has nobody to talk to."""
    try:
        next(rounds)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("a protocol sends messages at the dealer")


def play(rounds: Rounds[T], channel: Channel, tag: str) -> T:
    """Run one protocol to its end by itself; `tag` begins the name of its messages."""
    turn, number = None, 0
    try:
        turn = next(rounds)
        while True:
            number += 1
            turn = rounds.send(talk(channel, f"{tag}.{number}", turn))
    except StopIteration as done:
        result: T = done.value
        return result
