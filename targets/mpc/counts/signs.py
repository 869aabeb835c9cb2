"""Signs of values opened under masks: by digits and tables (`ppc.runtime.mpc.gates.sign`), or by keys
(`ppc.runtime.mpc.gates.dcf`)."""

from dataclasses import dataclass

from ppc.runtime.schema import Tables


@dataclass(frozen=True)
class Signs:
    """A comparison's material: bytes by the dealer of a mask and of a sign, bytes opened for a sign, and the rounds in
    between. `levels`: of the trees that keys walk; 0 with tables."""

    mask: float
    sign: int = 0
    opened: int = 0
    rounds: int = 0
    levels: int = 0

    def work(self, masks: float, signs: float) -> dict[str, float]:
        """Of so many signs on so many masks, found together."""
        if self.levels:
            return {"level": self.levels, "node": self.levels * signs}
        return {"compare": masks, "sign": signs}


#: By the bits of the number that is compared, at most: one round of large tables, or two of small ones.
_LARGE = ((43, Signs(56 + 1 / 8, 16, 2, 1)), (49, Signs(64 + 1 / 8, 32, 2, 1)), (64, Signs(144 + 1 / 8, 64, 4, 1)))
_SMALL = ((37, Signs(18 + 1 / 8, 8, 4, 2)), (49, Signs(24 + 1 / 8, 14, 4, 2)), (64, Signs(32 + 1 / 8, 18, 5, 2)))


def signs(shift: int = 0, tables: Tables = Tables.LARGE, width: int = 64) -> Signs:
    """Of numbers that are truncated by `shift` in the same opening; 0: of as many bits as are opened."""
    bits = 63 - shift if shift else width
    if tables is Tables.DCF:
        return Signs(keys(bits - 1) + 1 / 8, levels=bits - 1)
    return next(row for most, row in (_SMALL if tables is Tables.SMALL else _LARGE) if bits <= most)


def keys(levels: int, factors: int = 1) -> float:
    """Bytes of the corrections of a key, to both parties: a seed of 32 bytes, two bits and a word a factor at each
    level, and a word a factor at the end."""
    return 2 * (levels * (32 + 2 / 8 + 8 * factors) + 8 * factors)
