"""How calibrated ranges relate to what was measured."""

from math import isfinite

#: A calibrated range is wider than the measured one by this fraction of its width, on both sides.
MARGIN = 0.1


def widened(lo: float, hi: float, margin: float = MARGIN) -> tuple[float, float]:
    by = margin * (hi - lo)
    return lo - by, hi + by


def measured(range: tuple[float, float], margin: float = MARGIN) -> tuple[float, float]:
    """What was widened to `range`; rounded to float32's digits, so that a measured zero comes back as zero."""
    lo, hi = range
    if not isfinite(hi - lo):
        return range  # that of masked logits: an infinity was seen
    by = margin * (hi - lo) / (1 + 2 * margin)
    scale = max(abs(lo), abs(hi))
    ends = (end if abs(end) > 1e-7 * scale else 0.0 for end in (lo + by, hi - by))
    return next(ends), next(ends)
