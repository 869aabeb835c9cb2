"""Peers that die or hang, as real processes."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from ppc.runtime import keys
from ppc.runtime.errors import PartyError
from ppc.runtime.net.connect import connect_all

CLIENT = """
    import sys, time
    from pathlib import Path
    from ppc.runtime import keys
    from ppc.runtime.net.connect import connect_all

    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    parties = ["client", "server"]
    keep = connect_all("client", {"server": ("127.0.0.1", port)}, parties, keys.load(folder, "client"), "ab" * 32, 20)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def peer(folder, port):
    """A client in its own process, and the server's channel to it."""
    code = textwrap.dedent(CLIENT)
    with subprocess.Popen([sys.executable, "-c", code, str(folder), str(port)], stdout=subprocess.PIPE) as process:
        try:
            addresses = {"server": ("127.0.0.1", port)}
            channels = connect_all(
                "server", addresses, ["client", "server"], keys.load(folder, "server"), "ab" * 32, 20, step_timeout=20
            )
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield process, channels["client"]
            channels["client"].abort(PartyError("PPC6001", "the test is over"))
        finally:
            process.kill()


def test_a_killed_peer_is_noticed_at_once(peer):
    process, channel = peer
    process.kill()
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        channel.receive("0.7", ("f8", (4,)))
    assert e.value.code == "PPC6001" and "client is gone" in str(e.value) and "0.7" in str(e.value)
    assert time.monotonic() - start < 1


def test_a_peer_that_is_killed_while_we_send_is_noticed_at_once(peer):
    process, channel = peer
    channel.send("big", np.zeros(16 << 20))
    process.kill()
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        channel.flush()
    assert e.value.code == "PPC6001" and time.monotonic() - start < 1.5


def test_a_peer_that_hangs_is_given_up_in_time(peer):
    process, channel = peer
    os.kill(process.pid, signal.SIGSTOP)
    channel.timeout = 0.4
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        channel.receive("0.7", ("f8", (4,)))
    assert e.value.code == "PPC6002" and "0.4 s" in str(e.value)
    assert 0.3 < time.monotonic() - start < 2


def test_a_peer_that_hangs_while_we_send_is_given_up_in_time(peer):
    process, channel = peer
    os.kill(process.pid, signal.SIGSTOP)
    channel.timeout = 0.4
    channel.send("big", np.zeros(16 << 20))
    start = time.monotonic()
    with pytest.raises(PartyError) as e:
        channel.close()
    assert e.value.code == "PPC6002" and time.monotonic() - start < 3, e.value
