"""Networks that a command line may name: a preset, or a file with the `network` line of a policy."""

from pathlib import Path

from ppc.compiler.policy_file import policy_text
from ppc.ir.diagnostic import UserError, fail
from ppc.ir.policy import parse_policy, print_policy
from ppc.ir.policy.ast import NetworkIs
from ppc.ir.policy.bind import network_of
from ppc.ir.target import LAN, WAN, Network

PRESETS = {"lan": LAN, "wan": WAN}
HELP = "lan, wan, a file that `ppc network -o` wrote, or a `network` line in the policy"


def network_option(text: str | None) -> str | None:
    """What `Request.network` is for an option: a preset's name as it is, for a file its line. Raises PPC5001."""
    if text is None or text in PRESETS:
        return text
    path = Path(text)
    if not path.is_file():
        raise fail("PPC5001", f"{text!r} is neither lan nor wan, and no file", help=HELP)
    return _line(policy_text(path), path.name)


def network_named(text: str) -> Network:
    """A preset, or the network of a policy's `network` line. Raises PPC5001."""
    preset = PRESETS.get(text)
    return preset or network_of(parse_policy(_line(text, "--network")))


def network_line(network: Network) -> str:
    """A policy's line for `network`."""
    return f"network {network.name} bandwidth {network.bandwidth / 1e6:.12g} Mbps rtt {network.rtt * 1e3:.12g} ms"


def _line(text: str, source: str) -> str:
    """The lone statement of `text`, as ppc prints it."""
    try:
        policy = parse_policy(text, source)
    except UserError as e:
        raise fail("PPC5001", f"{source} holds no network: {e.diagnostics[0].message}", help=HELP) from e
    if len(policy.statements) != 1 or not policy.all(NetworkIs):
        raise fail("PPC5001", f"{source} has other statements than one `network` line", help=HELP)
    return print_policy(policy).strip()
