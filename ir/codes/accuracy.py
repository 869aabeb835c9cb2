"""Codes: accuracy."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC4101",
        "no CKKS parameters fit",
        "The nodes under HE need more levels, or a finer scale, than the largest ring with 128-bit security gives "
        "(N = 32768: 881 bits of modulus, HomomorphicEncryption.org standard). SEAL has no bootstrapping.",
        "Place some nodes under mpc or tee (each detour refreshes the levels), use polynomials of lower degree, allow a "
        "larger error, or let the result leave through shares instead of flooding.",
    ),
]
