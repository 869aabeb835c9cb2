"""The module while it is built: constants, values and ops so far."""

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType

import numpy as np

from ppc.compiler.frontend.element_types import array_type
from ppc.compiler.frontend.evaluate import run_kernel
from ppc.compiler.frontend.known_ops import declaration
from ppc.compiler.frontend.limits import MAX_ELEMENTS, MAX_FOLDED, MAX_NODES
from ppc.compiler.frontend.names import Names
from ppc.ir.diagnostic import fail
from ppc.ir.label import Label
from ppc.ir.module import Array, Attr, Constant, Op, Value
from ppc.ir.types import TensorType

#: Weights are the server's until the policy says otherwise.
WEIGHTS = Label.secret("server")


class Builder:
    """Normalisers emit into it. Operands are IR names: "@w" a constant, "x" a value, "" absent, "[]0" a sequence."""

    def __init__(self) -> None:
        self.constants: dict[str, Constant] = {}
        self.values: dict[str, Value] = {}
        self.ops: list[Op] = []
        self._sequences: dict[str, tuple[str, ...]] = {}
        self._names = Names()
        self._locs = Names()
        self._used_locs: set[str] = set()

    def input(self, hint: str, type: TensorType) -> str:
        name = self._names.fresh(hint)
        self.values[name] = Value(type)
        return name

    def constant(self, data: Array, hint: str) -> str:
        """Name of a new constant."""
        name = "@" + self._names.fresh(hint)
        self.constants[name] = Constant.of(data, array_type(data), WEIGHTS)
        return name

    def sequence(self, elements: Sequence[str]) -> str:
        """Name of a sequence of values: "[]" and a number. It exists while importing only."""
        name = f"[]{len(self._sequences)}"
        self._sequences[name] = tuple(elements)
        return name

    def elements(self, name: str) -> tuple[str, ...] | None:
        """What a sequence holds, None for the name of one value."""
        return self._sequences.get(name)

    def unique_loc(self, text: str) -> str:
        """The name of a node for messages, policies and reports: verbatim where it is new."""
        return self._locs.fresh_text(text)

    def data(self, name: str) -> Array | None:
        """The array of a constant, None for a value or an absent operand."""
        return self.constants[name].data if name in self.constants else None

    def type_of(self, name: str) -> TensorType:
        """Raises UserError PPC1014 for what has none: an absent operand or a sequence."""
        if not name or name in self._sequences:
            raise fail("PPC1014", f"an operand is {'a sequence' if name else 'absent'}, where a tensor is needed")
        return self.constants[name].type if name.startswith("@") else self.values[name].type

    def emit(
        self,
        op: str,
        operands: Sequence[str],
        types: Sequence[TensorType],
        loc: str,
        hints: Sequence[str],
        attrs: Mapping[str, Attr] | None = None,
    ) -> tuple[str, ...]:
        """Append an op; returns the names of its results, made from `hints`. On constants it is computed at once.

        Raises UserError PPC1003 (too many nodes or elements), PPC1014 (the operands do not fit).
        """
        if len(self.ops) >= MAX_NODES:
            raise fail("PPC1003", f"the graph has more than {MAX_NODES} nodes after unrolling", node=loc)
        while operands and operands[-1] == "":
            operands = operands[:-1]
        types = self._checked(op, operands, types, loc, hints, attrs or {})
        for type in types:
            if type.size > MAX_ELEMENTS:
                raise fail("PPC1003", f"{op} makes {type}; the limit is {MAX_ELEMENTS} elements", node=loc)
        if self._folds(op, operands, types):
            arrays = run_kernel(op, [self.data(o) for o in operands], attrs or {}, types, loc)
            return tuple(self.constant(array, hint) for array, hint in zip(arrays, hints, strict=True))
        return self.append(op, operands, types, loc, hints, attrs)

    def _folds(self, op: str, operands: Sequence[str], types: Sequence[TensorType]) -> bool:
        if declaration(op) is None or not any(operands) or max(t.size for t in types) > MAX_FOLDED:
            return False
        return all(o in self.constants and self.constants[o].type.size <= MAX_FOLDED for o in operands if o)

    def append(
        self,
        op: str,
        operands: Sequence[str],
        types: Sequence[TensorType],
        loc: str,
        hints: Sequence[str],
        attrs: Mapping[str, Attr] | None = None,
    ) -> tuple[str, ...]:
        """Append an op that is not computed, whatever its operands are: the outputs of a module are values."""
        results = tuple(self._names.fresh(hint or f"{op.lower()}_unused") for hint, _ in zip(hints, types, strict=True))
        for name, type in zip(results, types, strict=True):
            self.values[name] = Value(type)
        if loc in self._used_locs:  # a second op of the same node
            loc = self.unique_loc(loc)
        self._used_locs.add(loc)
        self.ops.append(Op(op, tuple(operands), results, MappingProxyType(dict(attrs or {})), loc))
        return results

    def _checked(
        self,
        op: str,
        operands: Sequence[str],
        types: Sequence[TensorType],
        loc: str,
        hints: Sequence[str],
        attrs: Mapping[str, Attr],
    ) -> Sequence[TensorType]:
        """The types, after the shape rule of the operator has agreed: ONNX's own inference looks at few operands."""
        row = declaration(op)
        if row is None:
            return types
        given = [self.type_of(o) if o else None for o in operands]
        facts = {"operands": ", ".join(map(str, given))}
        try:
            found = row.shape(given, attrs)
        except ValueError as error:
            raise fail("PPC1014", str(error), node=loc, facts=facts) from error
        for ours, type, hint in zip(found, types, hints, strict=False):
            if hint and ours != type:
                raise fail("PPC1014", f"{op} makes {ours}, and ONNX infers {type}", node=loc, facts=facts)
        return found[: len(types)]

    # Moves that several normalisers need; on a constant they are done at once.

    def reshape(self, name: str, shape: Sequence[int], loc: str, hint: str) -> str:
        type = self.type_of(name)
        if type.shape == tuple(shape):
            return name
        if prod(shape) != type.size:
            raise fail("PPC1014", f"{type} cannot be reshaped to {tuple(shape)}", node=loc)
        data = self.data(name)
        if data is not None:
            return self.constant(data.reshape(tuple(shape)), hint)
        shape = tuple(shape)
        return self.emit("Reshape", (name,), (TensorType(type.dtype, shape),), loc, (hint,), {"shape": shape})[0]

    def transpose(self, name: str, perm: Sequence[int], loc: str, hint: str) -> str:
        type = self.type_of(name)
        data = self.data(name)
        if data is not None:
            return self.constant(np.ascontiguousarray(data.transpose(tuple(perm))), hint)
        out = TensorType(type.dtype, tuple(type.shape[p] for p in perm))
        return self.emit("Transpose", (name,), (out,), loc, (hint,), {"perm": tuple(perm)})[0]

    def cut(self, name: str, axis: int, start: int, end: int, loc: str, hint: str) -> str:
        """Elements start..end of one axis."""
        type = self.type_of(name)
        data = self.data(name)
        if data is not None:
            return self.constant(np.ascontiguousarray(data[(slice(None),) * axis + (slice(start, end),)]), hint)
        shape = (*type.shape[:axis], end - start, *type.shape[axis + 1 :])
        attrs: dict[str, Attr] = {"starts": (start,), "ends": (end,), "axes": (axis,), "steps": (1,)}
        return self.emit("Slice", (name,), (TensorType(type.dtype, shape),), loc, (hint,), attrs)[0]

    def concat(self, names: Sequence[str], axis: int, loc: str, hint: str) -> str:
        if len(names) == 1:
            return names[0]
        arrays = [self.data(n) for n in names]
        if all(a is not None for a in arrays):
            return self.constant(np.concatenate([a for a in arrays if a is not None], axis), hint)
        types = [self.type_of(n) for n in names]
        shape = list(types[0].shape)
        shape[axis] = sum(t.shape[axis] for t in types)
        return self.emit("Concat", names, (TensorType(types[0].dtype, tuple(shape)),), loc, (hint,), {"axis": axis})[0]
