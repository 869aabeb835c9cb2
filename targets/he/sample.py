"""One sample of a module: the shapes and constants that a lowering sees.

Every sample of a batch goes through the same map, so a lowering works on one sample: the leading axis of a tensor
is divided by the batch. An operator that mixes samples is refused.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Module, Op


class Refusal(Exception):
    """Why HE cannot run an operator; the text is shown to the user as the reason of a why-not."""


@dataclass(frozen=True)
class Samples:
    """A module seen one sample at a time."""

    module: Module

    @cached_property
    def batch(self) -> int:
        """Samples a pass: what the importer bound, else 1."""
        bound = self.module.attrs.get("batch", 1)
        return bound if isinstance(bound, int) and bound > 0 else 1

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a value for one sample: its leading axis divided by the batch. Raises Refusal where it cannot be."""
        shape = self.module.type_of(name).shape
        if self.batch == 1:
            return shape
        if not shape or shape[0] % self.batch:
            raise Refusal(f"its shape {shape} does not begin with the batch of {self.batch} samples")
        return (shape[0] // self.batch, *shape[1:])

    def size(self, name: str) -> int:
        return prod(self.shape(name))

    def is_constant(self, name: str) -> bool:
        return name.startswith("@")

    def constant(self, name: str) -> NDArray[np.float64]:
        """A constant's data in float64. The compiler always has it at this stage."""
        data = self.module.constants[name].data
        if data is None:
            raise InternalError(f"constant {name!r} has no data: modules read from text cannot be lowered")
        return np.asarray(data, np.float64)

    def secrets(self, op: Op) -> tuple[str, ...]:
        """Operands that are values (encrypted here), in order, with repetitions."""
        return tuple(o for o in op.operands if o and not self.is_constant(o))

    def index(self, name: str) -> NDArray[np.int64]:
        """Flat indices of a value's elements, in the shape of one sample."""
        return np.arange(self.size(name), dtype=np.int64).reshape(self.shape(name))
