"""PPC_MEMORY: a server does not begin what takes more memory than it may."""

import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.he import engine
from ppc.runtime.he.memory import server_memory
from ppc.runtime.he.memory_limit import checked
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session

HE = {
    "degree": 8192,
    "top_level": 1,
    "prime_bits": [54, 60, 60],
    "galois": {"1": [1, 2]},
    "relin": [],
    "security_bits": 128,
}
PLAN = {"he": HE, "steps": [], "weights": {}}


def test_a_plan_within_the_limit_is_taken(monkeypatch):
    needed = server_memory(PLAN, 2).total
    assert checked(PLAN, 2) == needed
    monkeypatch.setenv("PPC_MEMORY", str(needed // 10**6 + 1))
    assert checked(PLAN, 2) == needed


def test_a_plan_beyond_it_ends_at_the_server_before_keys_are_read(monkeypatch):
    monkeypatch.setenv("PPC_MEMORY", "1")
    channel, _ = pair("server", "client", 0.0)  # nothing was sent: reading a key would be another error
    with pytest.raises(PartyError, match=r"PPC6018.*PPC_MEMORY is 1 MB"):
        engine.setup(Session("server", PLAN, {"client": channel}))


@pytest.mark.parametrize("bad", ["0", "-5", "many", "1.5", "²", "99999999999"])
def test_a_limit_is_a_number_of_megabytes(monkeypatch, bad):
    monkeypatch.setenv("PPC_MEMORY", bad)
    with pytest.raises(PartyError, match="PPC6013"):
        checked(PLAN, 1)
