"""Calibrated ranges that one sample makes wide: the polynomial on such a range is less exact for all others."""

from collections.abc import Mapping

from ppc.ir.diagnostic import Diagnostic
from ppc.ir.module import Module, Op
from ppc.ir.types import Domain
from ppc.passes.calibrate import Seen

#: How much wider a range is with the sample than without it, and the fewest batches of which one can be an outlier.
TIMES, FEWEST = 2.0, 8


def outliers(module: Module, found: Mapping[str, Seen], batches: int) -> list[Diagnostic]:
    """PPC4007 (a note) for each function of an ASSIGNED module that runs under HE as a polynomial on such a range."""
    size = module.attrs.get("batch", 1)
    assert isinstance(size, int)
    notes = []
    for op in module.ops if batches >= FEWEST else ():
        of = found.get(op.operands[0]) if _has_range(op) else None
        wide = None if of is None else _widest(of)
        if of is None or wide is None:
            continue
        (lo, hi), batch = of.range, wide
        rest = of.without(batch)
        times = (hi - lo) / (rest[1] - rest[0])
        which = f"sample {batch}" if size == 1 else f"one of samples {batch * size} to {batch * size + size - 1}"
        notes.append(
            Diagnostic(
                "PPC4007",
                f"{which} of the calibration data alone makes the range of this {op.name} {times:.1f} times as wide: "
                f"{lo:.3g} .. {hi:.3g} instead of {rest[0]:.3g} .. {rest[1]:.3g}",
                severity="note",
                node=op.loc,
                help="where it is a mistake, take it out of the data: a polynomial on a narrower range is more exact",
                facts={"first_sample": batch * size, "range": [lo, hi], "without": list(rest)},
            )
        )
    return notes


def _has_range(op: Op) -> bool:
    return op.domain is Domain.HE and "he_coefficients" in op.attrs


def _widest(of: Seen) -> int | None:
    """The batch without which the range is narrower by TIMES; None where there is none."""
    widths = {batch: of.without(batch)[1] - of.without(batch)[0] for batch in of.ends}
    batch = min(widths, key=lambda b: widths[b])
    return batch if 0 < widths[batch] * TIMES <= of.range[1] - of.range[0] else None
