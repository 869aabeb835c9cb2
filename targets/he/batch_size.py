"""How large a batch-packed value is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """A bound of the absolute value of a value's elements, and their root mean square."""

    largest: float
    typical: float

    def squared(self) -> "Size":
        return Size(self.largest**2, self.largest * self.typical)

    def moved(self, factor: float, offset: float) -> "Size":
        """Of factor·x + offset."""
        return Size(factor * self.largest + abs(offset), factor * self.typical + abs(offset))
