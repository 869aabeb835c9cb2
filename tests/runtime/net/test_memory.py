"""Channels inside one process behave as those between processes."""

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.net.frame import RelayedError
from ppc.runtime.net.memory import pair


def test_exchange_and_transcript(both):
    a, b = pair("client", "server")
    x, y = both(lambda: a.exchange("t", np.arange(3)), lambda: b.exchange("t", -np.arange(3)))
    assert x[0].tolist() == [0, -1, -2] and y[0].tolist() == [0, 1, 2]
    assert a.peer == "server" and [tag for tag, _ in a.transcript] == ["t"] and a.rounds == 1


def test_abort_reaches_the_peer():
    a, b = pair("client", "server")
    a.abort(PartyError("PPC6005", "x holds NaN"))
    with pytest.raises(RelayedError, match="client stopped: x holds NaN") as e:
        b.receive("t", ("f8", (1,)))
    assert e.value.code == "PPC6005"


def test_what_does_not_fit_and_silence():
    a, b = pair("client", "server", timeout=0.1)
    a.send("t", np.zeros(2))
    with pytest.raises(PartyError) as e:
        b.receive("u", ("f8", (2,)))
    assert e.value.code == "PPC6003"
    with pytest.raises(PartyError) as e:
        b.receive("u", ("f8", (2,)))
    assert e.value.code == "PPC6002"
