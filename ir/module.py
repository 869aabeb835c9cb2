"""The IR: a module is one straight-line function in SSA form over named values.

Everything here is immutable; a pass returns a new `Module` (`dataclasses.replace`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.ir.label import Label
from ppc.ir.types import Domain, TensorType

#: What an attribute may be: everything that prints and parses in the text form.
Attr = int | float | bool | str | tuple["Attr", ...]
Array = NDArray[Any]


class Stage(IntEnum):
    """How far a module has been lowered; each stage has its own verifier rules (`ppc.ir.verify`)."""

    IMPORTED = 0  # ONNX operators with normalised attributes
    FOLDED = 1  # constants folded, BatchNorm folded, canonical
    LABELLED = 2  # every value has a label
    APPROXIMATED = 3  # every node that HE may take has a polynomial beside it
    ASSIGNED = 4  # every op has a domain
    CONVERTED = 5  # every value has a representation; conversions are explicit ops
    LOWERED = 6  # target ops with levels, scales, layouts and rounds

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of one SSA value."""

    type: TensorType
    label: Label | None = None  # from LABELLED on
    domain: Domain | None = None  # its representation, from CONVERTED on
    range: tuple[float, float] | None = None  # calibrated minimum and maximum
    rms: float | None = None  # calibrated root mean square of its elements


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor of the model (weight). `data` may be absent in a module read from text: the hash then stands for it."""

    type: TensorType
    label: Label
    sha256: str
    data: Array | None = field(default=None, compare=False, repr=False)

    @staticmethod
    def of(data: Array, type: TensorType, label: Label) -> "Constant":
        return Constant(type, label, digest(data), data)


def digest(data: Array) -> str:
    """sha256 over dtype, shape and little-endian bytes of an array."""
    data = np.ascontiguousarray(data)
    head = f"{data.dtype.str}{data.shape}".encode()
    return hashlib.sha256(head + data.tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Op:
    """One operation. `name` is a row of `ppc.ir.ops.OPS` (or, once lowered, of `ppc.ir.steps.STEPS`).

    Operands are names of values ("%x" without the sigil) or of constants ("@w"); "" is an absent optional.
    """

    name: str
    operands: tuple[str, ...]
    results: tuple[str, ...]
    attrs: Mapping[str, Attr] = field(default_factory=lambda: MappingProxyType({}))
    loc: str = ""  # the ONNX node name, made unique at import; hostile text
    domain: Domain | None = None  # from ASSIGNED on


@dataclass(frozen=True, slots=True)
class Module:
    """A program. Names of constants start with "@"; names of values do not."""

    name: str
    stage: Stage
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ops: tuple[Op, ...]
    values: Mapping[str, Value]
    constants: Mapping[str, Constant]
    attrs: Mapping[str, Attr] = field(default_factory=dict)  # batch, opset, HE parameters once lowered, ...

    def producer(self) -> dict[str, Op]:
        """Which op defines each value."""
        return {r: op for op in self.ops for r in op.results}

    def uses(self) -> dict[str, list[Op]]:
        """Which ops read each value, in program order (outputs of the module are not uses)."""
        uses: dict[str, list[Op]] = {v: [] for v in self.values}
        for op in self.ops:
            for o in dict.fromkeys(op.operands):
                if o and not o.startswith("@"):
                    uses[o].append(op)
        return uses

    def type_of(self, name: str) -> TensorType:
        return self.constants[name].type if name.startswith("@") else self.values[name].type

    def label_of(self, name: str) -> Label | None:
        return self.constants[name].label if name.startswith("@") else self.values[name].label

    def walk(self) -> Iterator[Op]:
        return iter(self.ops)
