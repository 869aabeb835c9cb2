"""What a run's report says of each party."""

from types import SimpleNamespace as Namespace

import numpy as np
import pytest

from ppc.runtime.launch import Outcome
from ppc.runtime.meter import Meter, peak_memory
from ppc.runtime.secure import combine


def test_the_peak_of_memory_stays() -> None:
    big = np.ones(32 << 20)  # 256 MB, every page touched
    assert peak_memory() >= big.nbytes
    size = big.nbytes
    del big
    assert peak_memory() >= size


def outcome(seconds: float, memory: int) -> Outcome:
    row = {"id": 1, "name": "he.add", "node": "n", "seconds": seconds, "waited": 0.5, "bytes_sent": 3, "rounds": 1}
    results = {
        "phases": {"online": 1.0},
        "online": [0.75, 0.25],
        "steps": [row],
        "passes": {"he": [seconds / 4, seconds * 3 / 4]},
        "bytes_sent": 3,
        "rounds": 1,
        "peak_memory": memory,
        "notes": {},
    }
    return Outcome("party", results)


def test_each_party_by_itself() -> None:
    report = combine({"client": outcome(1.0, 10), "server": outcome(2.0, 20), "dealer": outcome(4.0, 40)})
    assert report["seconds"]["busy"] == {"client": 1.0, "server": 2.0}  # the dealer worked ahead
    assert report["seconds"]["passes"] == {"client": {"he": [0.25, 0.75]}, "server": {"he": [0.5, 1.5]}}
    assert report["seconds"]["online_passes"] == {"client": [0.75, 0.25], "server": [0.75, 0.25]}
    assert report["peak_memory"] == {"client": 10, "server": 20, "dealer": 40}
    assert report["steps"][0]["seconds"] == 2.0


def test_passes_by_domain() -> None:
    meter = Meter()
    for run, name in ((0, "he.add"), (0, "he.mul"), (0, "convert.client_to_he"), (1, "he.add")):
        with meter.measure(Namespace(channels={}), Namespace(id=1, name=name, node="n", run=run)):
            pass
    passes = meter.passes()
    assert {domain: len(seconds) for domain, seconds in passes.items()} == {"he": 2, "convert": 1}
    assert sum(map(sum, passes.values())) == pytest.approx(sum(row["seconds"] for row in meter.rows()))


def test_without_proc_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an enclave, which may open no file."""

    def refused(*args: object, **options: object) -> None:
        raise PermissionError(13, "no file for an enclave")

    monkeypatch.setattr("builtins.open", refused)
    assert peak_memory() > 1 << 20


def test_each_time_of_a_phase_is_kept() -> None:
    meter = Meter()
    for name in ("setup", "online", "online"):
        with meter.phase(name):
            pass
    assert {name: len(spans) for name, spans in meter.spans.items()} == {"setup": 1, "online": 2}
    assert meter.phases["online"] == sum(meter.spans["online"])
