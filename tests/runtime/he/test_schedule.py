"""Tasks on threads: each once, after what it waits for; errors end the rest."""

import threading

import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.he.schedule import Task, Workers


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_tasks_run_once_and_in_order(threads):
    done, lock = [], threading.Lock()

    def at(i):
        def work():
            with lock:
                done.append(i)

        return work

    waits = [frozenset({j for j in (i // 2, i // 3, i - 7) if 0 <= j < i and i % 3}) for i in range(200)]
    Workers(threads).run([Task(at(i), after) for i, after in enumerate(waits)])
    assert sorted(done) == list(range(200))
    place = {i: n for n, i in enumerate(done)}
    assert all(place[before] < place[i] for i, after in enumerate(waits) for before in after)
    if threads == 1:
        assert done == list(range(200))  # a lone thread takes them in the order of the list


def test_two_threads_work_at_the_same_time():
    meet = threading.Barrier(2, timeout=30)
    assert Workers(2).map(lambda i: (meet.wait(), i)[1], [3, 4]) == [3, 4]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_stops_the_rest_and_is_raised(threads):
    done = []

    def fail():
        raise KeyError("one")

    tasks = [Task(fail), *(Task(lambda: done.append(1), frozenset({i})) for i in range(50))]
    with pytest.raises(KeyError, match="one"):
        Workers(threads).run(tasks)
    assert not done
    assert threading.active_count() < 20


def test_a_task_cannot_wait_for_a_later_one():
    with pytest.raises(ValueError, match="does not come before"):
        Workers(2).run([Task(print, frozenset({1})), Task(print)])


def test_the_number_of_threads_is_a_setting(monkeypatch):
    monkeypatch.setenv("PPC_THREADS", "3")
    assert Workers.from_environment().threads == 3
    for bad in ("0", "-1", "x", "1.5", "²", "1000000", "99999999999"):
        monkeypatch.setenv("PPC_THREADS", bad)
        with pytest.raises(PartyError, match="PPC6013"):
            Workers.from_environment()
    monkeypatch.delenv("PPC_THREADS")
    assert Workers.from_environment().threads >= 1
