"""Whether the machine let itself be measured, with clocks that are made up."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

import pytest

from ppc.compiler.measure.stopwatch import ATTEMPTS, Clock, Stopwatch
from ppc.ir.diagnostic import UserError


@dataclass
class Machine:
    """A machine on which work takes the next of `walls` seconds (the last for ever) and gets a share of a core."""

    walls: Iterator[float]
    share: float = 1.0
    now: float = 0.0
    busy: float = 0.0
    slept: list[float] = field(default_factory=list)

    def work(self) -> None:
        wall = next(self.walls)
        self.now += wall
        self.busy += self.share * wall

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.busy, self.sleep)


def repeat(*walls: float) -> Iterator[float]:
    yield from walls
    while True:
        yield walls[-1]


def test_the_median_of_a_quiet_machine() -> None:
    machine = Machine(repeat(9.0, 1.0, 1.2, 1.1))  # the first warms up
    watch = Stopwatch(budget=0.0, least=3, clock=machine.clock)
    assert watch.time("add", machine.work) == pytest.approx(1.1)
    assert not machine.slept
    assert watch.judge(force=False)["disturbed"] == 0


def test_the_operand_is_made_outside_the_time() -> None:
    machine = Machine(repeat(1.0))
    watch = Stopwatch(budget=0.0, least=2, clock=machine.clock)
    assert watch.time("rescale", lambda made: machine.work(), machine.work) == pytest.approx(1.0)


def test_a_disturbance_is_measured_again() -> None:
    machine = Machine(repeat(1.0, 1.0, 5.0, 5.0, 1.0))  # warm-up, then three runs far apart, then quiet
    watch = Stopwatch(budget=0.0, least=3, clock=machine.clock)
    assert watch.time("add", machine.work) == pytest.approx(1.0)
    assert len(machine.slept) == 1
    assert watch.judge(force=False)["disturbed"] == 0


def test_a_busy_machine_is_refused_with_numbers_and_a_way_out() -> None:
    machine = Machine(repeat(1.0), share=0.6)
    watch = Stopwatch(budget=0.0, least=3, clock=machine.clock)
    watch.time("add", machine.work)
    assert len(machine.slept) == ATTEMPTS - 1
    with pytest.raises(UserError) as caught:
        watch.judge(force=False)
    (found,) = caught.value.diagnostics
    assert found.code == "PPC5021" and "1 of 1" in found.message and "60% of a core" in found.message
    assert "--force" in str(found.help)


def test_force_takes_it_and_says_so() -> None:
    machine = Machine(repeat(1.0), share=0.6)
    watch = Stopwatch(budget=0.0, least=3, clock=machine.clock)
    watch.time("add", machine.work)
    said = watch.judge(force=True)
    assert said["forced"] is True and said["disturbed"] == 1 and said["waited"] == pytest.approx(0.4)


def test_a_few_disturbed_ones_do_not_matter() -> None:
    quiet, busy = Machine(repeat(1.0)), Machine(repeat(1.0), share=0.5)
    watch = Stopwatch(budget=0.0, least=2, clock=quiet.clock)
    for i in range(40):
        watch.time(f"quiet {i}", quiet.work)
    watch.clock = busy.clock
    watch.time("busy", busy.work)
    said = watch.judge(force=False)
    assert said["disturbed"] == 1 and said["forced"] is False


def test_patience_ends() -> None:
    machine = Machine(repeat(10.0), share=0.5)
    watch = Stopwatch(budget=0.0, least=1, patience=15.0, clock=machine.clock)
    for i in range(20):
        watch.time(f"{i}", machine.work)
    assert len(machine.slept) == 1  # one repetition used it up


def test_the_probe_waits_for_quiet_and_gives_up() -> None:
    share = iter([0.3, 0.3, 1.0])

    def patient(shares: Iterator[float]) -> tuple[Stopwatch, list[float]]:
        state = {"wall": 0.0, "cpu": 0.0, "share": next(shares)}
        slept: list[float] = []

        def wall() -> float:
            state["wall"] += 1.0
            state["cpu"] += state["share"]
            return state["wall"]

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            state["share"] = next(shares)

        return Stopwatch(0.0, clock=Clock(wall, lambda: state["cpu"], sleep)), slept

    watch, slept = patient(share)
    watch.wait_for_quiet(force=False)
    assert len(slept) == 2
    watch, _ = patient(repeat(0.3))
    with pytest.raises(UserError) as caught:
        watch.wait_for_quiet(force=False)
    assert caught.value.diagnostics[0].code == "PPC5021" and "30% of a core" in caught.value.diagnostics[0].message
    watch, _ = patient(repeat(0.3))
    watch.wait_for_quiet(force=True)


def test_what_stays_disturbed_counts_with_its_best_run() -> None:
    machine = Machine(cycle([1.0, 5.0, 5.0]))
    watch = Stopwatch(budget=0.0, least=3, clock=machine.clock)
    assert watch.time("add", machine.work) == pytest.approx(1.0)
    assert watch.judge(force=True)["disturbed"] == 1


def test_time_without_a_core_does_not_count() -> None:
    machine = Machine(repeat(1.0), share=0.95)
    assert Stopwatch(budget=0.0, least=3, clock=machine.clock).time("add", machine.work) == pytest.approx(0.95)
