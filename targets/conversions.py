"""What it costs to move a value between domains."""

from dataclasses import dataclass
from math import ceil

from ppc.ir.module import Module
from ppc.ir.target import Cost, HeRung
from ppc.ir.types import Domain

HE, MPC, TEE, CLIENT, SERVER = Domain.HE, Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER


@dataclass(frozen=True)
class HeMoves:
    """Milliseconds a ciphertext at one ring degree, measured with SEAL 4 on one core (docs/benchmarks.md)."""

    encrypt: float
    to_shares: float
    from_shares: float


HE_MOVES = {
    4096: HeMoves(1.5, 60.0, 60.0),
    8192: HeMoves(3.0, 150.0, 120.0),
    16384: HeMoves(11.0, 500.0, 400.0),
    32768: HeMoves(40.0, 2000.0, 1600.0),
}

SHARE_BYTES = 8  # one ring element
_MEMORY = 2e9  # bytes a second that sharing, sealing and adding run through


@dataclass(frozen=True)
class Conversions:
    """The default table. `exits_through_shares`: HE results reach the client by way of shares (circuit privacy)."""

    exits_through_shares: bool = True

    def cost(self, source: Domain, target: Domain, value: str, module: Module, rung: HeRung) -> Cost | None:
        size = module.type_of(value).size
        shares = size * SHARE_BYTES
        ciphertexts = ceil(size / rung.slots)
        moves = HE_MOVES[rung.degree]
        level_bytes = 8 * rung.degree  # one prime of one polynomial
        up = Cost(ciphertexts * moves.encrypt / 1e3, ciphertexts * level_bytes * (rung.levels + 1), 1)
        he_mpc = Cost(ciphertexts * moves.to_shares / 1e3, ciphertexts * 2 * level_bytes * 2, 1)
        mpc_he = Cost(
            ciphertexts * moves.from_shares / 1e3, ciphertexts * 2 * level_bytes * (rung.levels + 1) + shares, 2
        )
        shared = Cost(shares / _MEMORY, shares, 1)
        both = Cost(shares / _MEMORY, 2 * shares, 1)
        table = {
            (CLIENT, HE): up,
            (CLIENT, MPC): shared,
            (CLIENT, TEE): shared,
            (SERVER, MPC): shared,
            (SERVER, TEE): shared,
            (HE, MPC): he_mpc,
            (MPC, HE): mpc_he,
            (MPC, TEE): both,
            (TEE, MPC): both,
            (HE, TEE): he_mpc + both,
            (TEE, HE): both + mpc_he,
            (HE, CLIENT): he_mpc + shared if self.exits_through_shares else up,
            (MPC, CLIENT): shared,
            (TEE, CLIENT): shared,
            (MPC, SERVER): shared,
            (TEE, SERVER): shared,
            (CLIENT, SERVER): shared,
        }
        return table.get((source, target))
