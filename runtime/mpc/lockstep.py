"""Several MPC steps at once: what independent steps send in the same turn travels as one message.

A step starts as soon as the steps whose results it reads are done, and all that have started take their turns together.
Client and server derive this order from the plan alone, so their messages match: a message is named after the pass, the
steps that take part and the turn, and has their arrays in the order of the plan.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.meter import Meter, Spent
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.turn import Arrays, Rounds, Turn, talk
from ppc.runtime.net.channel import Channel
from ppc.runtime.party import Step
from ppc.runtime.value import Weight

Operand = Ring | Weight | None
#: What a protocol gives: the share of its result, or of several.
Results = Ring | tuple[Ring, ...]
#: A protocol that was called: its results at once, or a generator on its way to them. (Named once: the annotations of
#: functions that each step makes anew are evaluated each time.)
Begun = Results | Rounds[Results]


@dataclass(eq=False)
class Task:
    """A step on its way. `begin` starts its protocol on the operands; `finish` judges its results, as many as the plan
    asks for. `after`: steps that have to be done before, beside those whose results it reads."""

    step: Step
    begin: Callable[[Sequence[Operand]], Begun]
    operands: "Sequence[Operand | Part]"
    finish: Callable[[tuple[Ring, ...]], None]
    after: "Sequence[Task]" = ()
    engine: Any = None  # that of its protocol, once it has started
    shares: tuple[Ring, ...] | None = None  # once it is done
    rounds: Rounds[Results] | None = None
    turn: Turn | None = None  # what it says and hears next

    def __repr__(self) -> str:  # never shows a share
        return f"Task(step {self.step.id}, {'done' if self.shares is not None else 'on its way'})"

    @property
    def ready(self) -> bool:
        for operand in self.operands:
            if isinstance(operand, Part) and operand.task.shares is None:
                return False
        return all(task.shares is not None for task in self.after)

    def start(self) -> None:
        operands = [o.share if isinstance(o, Part) else o for o in self.operands]
        self._go(lambda: self.begin(operands), operands)

    def go_on(self, heard: Arrays) -> None:
        assert self.rounds is not None
        rounds = self.rounds
        self._go(lambda: rounds.send(heard), [])

    def _go(self, move: Callable[[], Turn | Begun], operands: Sequence[Operand]) -> None:
        """Shapes that numpy or torch cannot combine mean that plan and operands differ; their messages name shapes
        only."""
        try:
            found = move()
            if isinstance(found, Generator):
                self.rounds = found
                found = next(found)
            if isinstance(found, Turn):
                self.turn = found
            else:
                self._end(found)
        except StopIteration as done:
            self._end(done.value)
        except (ValueError, IndexError, RuntimeError) as error:
            given = ", ".join(str(a.shape) for a in operands if a is not None) or "what the peer sent"
            message = f"step {self.step.id} ({self.step.name}) cannot take {given}: {error}"
            raise PartyError("PPC6003", message) from error

    def _end(self, found: Results) -> None:
        """An operator's further results may be left out by the plan."""
        self.turn, self.rounds, self.operands, self.after = None, None, (), ()
        self.shares = (found if isinstance(found, tuple) else (found,))[: len(self.step.shapes)]
        self.finish(self.shares)


@dataclass(frozen=True, slots=True)
class Part:
    """One result of a step that may still be on its way."""

    task: Task
    index: int

    @property
    def share(self) -> Ring:
        assert self.task.shares is not None
        return self.task.shares[self.index]


@dataclass
class Lockstep:
    """The steps that are due, in the order of the plan."""

    channel: Channel
    meter: Meter
    tasks: list[Task] = field(default_factory=list)

    def run(self) -> None:
        """Take all of them to their ends."""
        waiting, self.tasks = self.tasks, []
        running: list[Task] = []
        turns, done = 0, True  # since it was last looked who can start
        while waiting or running:
            if waiting and done:
                running += self._started(waiting)
                running.sort(key=lambda t: t.step.id)
            if running:
                turns += 1
                for task, heard in zip(running, self._talk(running, turns), strict=True):
                    start = time.perf_counter()
                    task.go_on(heard)
                    self.meter.credit(task.step, Spent(time.perf_counter() - start))
                still = [task for task in running if task.turn is not None]
                done, running = len(still) < len(running), still

    def _started(self, waiting: list[Task]) -> list[Task]:
        """Start what can start, in the plan's order, so that one walk finds all that follow from local steps; those
        that have something to say."""
        started = []
        for task in [*waiting]:
            if task.ready:
                waiting.remove(task)
                start = time.perf_counter()
                task.start()
                self.meter.credit(task.step, Spent(time.perf_counter() - start))
                if task.turn is not None:
                    started.append(task)
        return started

    def _talk(self, running: Sequence[Task], number: int) -> list[Arrays]:
        """One turn of all: what each of them hears. The message counts for its first step, the arrays for theirs."""
        turns = [t.turn for t in running if t.turn is not None]
        steps = "+".join(str(t.step.id) for t in running)
        both = turns[0]
        if len(turns) > 1:
            both = Turn(tuple(a for t in turns for a in t.send), tuple(s for t in turns for s in t.due))
        channel, first = self.channel, running[0].step
        start, spent = time.perf_counter(), Spent(0.0, -channel.waited, -channel.bytes_sent, -channel.rounds)
        heard = talk(channel, f"{first.run}.{steps}.{number}", both)
        spent += Spent(time.perf_counter() - start, channel.waited, channel.bytes_sent, channel.rounds)
        spent.seconds -= spent.waited
        for task, turn in zip(running[1:], turns[1:], strict=True):
            own = Spent(bytes_sent=sum(a.nbytes for a in turn.send))
            self.meter.credit(task.step, own)
            spent -= own
        self.meter.credit(first, spent)
        if len(turns) == 1:
            return [heard]
        found, at = [], 0
        for turn in turns:
            found.append(heard[at : at + len(turn.due)])
            at += len(turn.due)
        return found
