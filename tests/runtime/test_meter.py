"""What a run's report says of each party."""

import numpy as np
import pytest

from ppc.runtime.launch import Outcome
from ppc.runtime.meter import peak_memory
from ppc.runtime.secure import combine


def test_the_peak_of_memory_stays() -> None:
    big = np.ones(32 << 20)  # 256 MB, every page touched
    assert peak_memory() >= big.nbytes
    size = big.nbytes
    del big
    assert peak_memory() >= size


def outcome(seconds: float, memory: int) -> Outcome:
    row = {"id": 1, "name": "he.add", "node": "n", "seconds": seconds, "waited": 0.5, "bytes_sent": 3, "rounds": 1}
    results = {"phases": {"online": 1.0}, "steps": [row], "bytes_sent": 3, "rounds": 1, "peak_memory": memory}
    return Outcome("party", results)


def test_each_party_by_itself() -> None:
    report = combine({"client": outcome(1.0, 10), "server": outcome(2.0, 20), "dealer": outcome(4.0, 40)})
    assert report["seconds"]["busy"] == {"client": 1.0, "server": 2.0}  # the dealer worked ahead
    assert report["peak_memory"] == {"client": 10, "server": 20, "dealer": 40}
    assert report["steps"][0]["seconds"] == 2.0


def test_without_proc_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an enclave, which may open no file."""

    def refused(*args: object, **options: object) -> None:
        raise PermissionError(13, "no file for an enclave")

    monkeypatch.setattr("builtins.open", refused)
    assert peak_memory() > 1 << 20
