"""--network: a preset, or a file that `ppc network` wrote."""

from pathlib import Path

import pytest

from ppc.compiler.network import network_line, network_named, network_option
from ppc.ir.diagnostic import UserError
from ppc.ir.target import LAN, WAN, Network

MEASURED = Network("measured", 94.3e6, 0.0412)


def test_a_preset_is_named() -> None:
    assert network_option(None) is None
    assert network_option("lan") == "lan"
    assert (network_named("lan"), network_named("wan")) == (LAN, WAN)


@pytest.mark.parametrize("network", [MEASURED, Network("measured", 1e11, 1e-6), Network("measured", 12.3e3, 1.5)])
def test_what_was_measured_is_read_back(tmp_path: Path, network: Network) -> None:
    file = tmp_path / "network.ppc"
    file.write_text(network_line(network) + "\n")
    named = network_option(str(file))
    assert named is not None
    assert str(tmp_path) not in named
    assert network_named(named) == network


@pytest.mark.parametrize("text", ["", "network fast", "party client", "error <= 0.1", "network lan\nnetwork wan"])
def test_a_file_without_one_network_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "network.ppc"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        network_option(str(file))
    assert [d.code for d in caught.value.diagnostics] == ["PPC5001"]


@pytest.mark.parametrize("name", ["moon", "\x00", "network x\nallow mpc"])
def test_no_such_network(name: str) -> None:
    for read in (network_option, network_named):
        with pytest.raises(UserError) as caught:
            read(name)
        assert [d.code for d in caught.value.diagnostics] == ["PPC5001"]
