"""Every target, by domain: lazy, so that listing them loads none."""

from importlib import import_module

from ppc.ir.target import Target
from ppc.ir.types import Domain
from ppc.targets.prices import Prices

TARGETS: dict[Domain, str] = {
    Domain.HE: "ppc.targets.he.target:HETarget",
    Domain.MPC: "ppc.targets.mpc.target:MpcTarget",
    Domain.TEE: "ppc.targets.tee.target:TEETarget",
    Domain.CLIENT: "ppc.targets.clear.target:client_target",
    Domain.SERVER: "ppc.targets.clear.target:server_target",
}


def target(domain: Domain, prices: Prices | None = None) -> Target:
    """A new target of a domain: it keeps costs and refusals of one module's ops, so each compilation has its own.

    `prices`: what its primitives cost (None: the shipped table)."""
    module, _, name = TARGETS[domain].partition(":")
    made: Target = getattr(import_module(module), name)(prices=prices or Prices.shipped())
    return made


def load_targets(prices: Prices | None = None) -> dict[Domain, Target]:
    """Every target, by domain."""
    return {domain: target(domain, prices) for domain in TARGETS}
