"""What it costs to move a value between domains."""

from dataclasses import dataclass, field
from math import ceil

from ppc.ir.module import Module
from ppc.ir.target import EXIT_LEVEL, Cost, HeRung
from ppc.ir.types import Domain
from ppc.targets.he.batch_cost import groups
from ppc.targets.prices import Prices

HE, MPC, TEE, CLIENT, SERVER = Domain.HE, Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER


SHARE_BYTES = 8  # one ring element
SEED_BYTES = 32  # from which client and server expand the mask of a value that enters HE


@dataclass(frozen=True)
class Conversions:
    """`hides_weights`: HE results reach the client under a mask (circuit privacy). `outsourced`: client and server hold
    no shares, and then a value gets neither from HE or the enclave to shares nor back (docs/decisions/0011)."""

    hides_weights: bool = True
    prices: Prices = field(default_factory=Prices.shipped, repr=False)
    outsourced: bool = False

    def cost(
        self,
        source: Domain,
        target: Domain,
        value: str,
        module: Module,
        rung: HeRung,
        level: int | None = None,
        laid_out: int | None = None,
    ) -> Cost | None:
        size = module.type_of(value).size
        shares = size * SHARE_BYTES
        ciphertexts = laid_out or (_batch_packed(value, module, rung) if rung.batch else ceil(size / rung.slots))
        he, handling = self.prices.he, self.prices.link["byte"]  # a byte is masked or sealed, sent and added
        degree, top = rung.degree, rung.levels if level is None else level
        level_bytes = 8 * degree  # one prime of one polynomial
        up = Cost(ciphertexts * he.enter(degree, top), ciphertexts * level_bytes * (top + 1), 1)
        down = Cost(ciphertexts * he.leave(degree, EXIT_LEVEL), ciphertexts * 2 * level_bytes * (EXIT_LEVEL + 1), 1)
        leaving = he.to_shares(size, ciphertexts, degree, EXIT_LEVEL)
        he_mpc = None
        if leaving is not None:
            he_mpc = Cost(leaving, ciphertexts * 2 * level_bytes * (EXIT_LEVEL + 1), 1)
        mpc_he = Cost(
            he.from_shares(size, ciphertexts, degree, top), ciphertexts * level_bytes * (top + 1) + SEED_BYTES, 1
        )
        shared = Cost(shares * handling, shares, 1)
        expanded = Cost(shares * handling)  # the peer's share is a mask that it has the key of
        both = Cost(shares * handling, 2 * shares, 1)
        table = {
            (CLIENT, HE): up,
            (CLIENT, MPC): expanded,
            (CLIENT, TEE): shared,
            (SERVER, MPC): expanded,
            (SERVER, TEE): shared,
            (HE, MPC): he_mpc,
            (MPC, HE): mpc_he,
            (MPC, TEE): both,
            (TEE, MPC): both,
            (HE, TEE): he_mpc and he_mpc + both,
            (TEE, HE): both + mpc_he,
            (HE, HE): he_mpc and he_mpc + mpc_he,
            (HE, CLIENT): (he_mpc and he_mpc + shared) if self.hides_weights else down,
            (MPC, CLIENT): shared,
            (TEE, CLIENT): shared,
            (MPC, SERVER): shared,
            (TEE, SERVER): shared,
            (CLIENT, SERVER): shared,
        }
        if self.outsourced:
            table = {(a, b): cost for (a, b), cost in table.items() if not _through_owners_shares(a, b)}
            table |= {(CLIENT, MPC): shared, (SERVER, MPC): shared}  # its owner holds none, and sends one
            table |= {(MPC, CLIENT): both, (MPC, SERVER): both}  # a share from each holder
        return table.get((source, target))


def _through_owners_shares(source: Domain, target: Domain) -> bool:
    """A value is for a moment, or longer, in shares that client and server hold because it comes from or goes to HE
    or the enclave."""
    return source in (HE, MPC, TEE) and target in (HE, MPC, TEE)


def _batch_packed(value: str, module: Module, rung: HeRung) -> int:
    """Ciphertexts where a slot holds a sample: one an element of a sample, in each group of samples."""
    batch = module.attrs.get("batch", 1)
    samples = batch if isinstance(batch, int) else 1
    return groups(samples, rung.slots) * ceil(module.type_of(value).size / samples)
