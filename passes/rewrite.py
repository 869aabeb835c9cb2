"""The module while a pass rewrites it: replace ops, add constants, rename values, and hand back a new module."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ppc.ir.label import Label, join
from ppc.ir.module import Array, Attr, Constant, Module, Op, Value
from ppc.ir.types import TensorType

#: Looks at one op and may rewrite it.
Rule = Callable[[Op, "Rewriter"], object]

_NUMPY = {"f16": np.float16, "f32": np.float32, "f64": np.float64}


class Rewriter:
    """Ops are looked at in program order; a pattern may change the op it looks at and ops before it.

    A pattern fuses only values that have one reader and are no output of the module (`only_reader`).
    """

    def __init__(self, module: Module):
        self.module = module
        self.ops: dict[str, Op] = {op.results[0]: op for op in module.ops}  # by first result, in program order
        self.values = dict(module.values)
        self.constants = dict(module.constants)
        self.changed = False
        self._taken = set(module.values) | {c.lstrip("@") for c in module.constants}
        self._producer = module.producer()
        self._readers: dict[str, list[str]] = {}
        for op in module.ops:
            self._register(op)

    # reading

    def producer(self, name: str) -> Op | None:
        return self._producer.get(name)

    def data(self, name: str) -> Array | None:
        """A constant in float64 (integers as they are), None for a value or a constant without data."""
        constant = self.constants.get(name)
        if constant is None or constant.data is None:
            return None
        with np.errstate(invalid="ignore"):  # a signalling NaN of the model becomes a quiet one
            return constant.data.astype(np.float64) if constant.data.dtype.kind == "f" else constant.data

    def type_of(self, name: str) -> TensorType:
        return self.constants[name].type if name.startswith("@") else self.values[name].type

    def is_constant(self, name: str) -> bool:
        return name.startswith("@")

    def only_reader(self, name: str) -> bool:
        """Whether one op alone reads the value, once, and it is no output: it may be fused away."""
        return len(self._readers.get(name, ())) == 1 and name not in self.module.outputs

    def readers(self, name: str) -> list[Op]:
        return [self.ops[r] for r in dict.fromkeys(self._readers.get(name, ()))]

    # writing

    def constant(self, data: Array, dtype: str, like: str, *sources: str) -> str:
        """A new constant named after `like`; its label joins those of the constants it is made from."""
        name = "@" + self.fresh(like.lstrip("@"))
        with np.errstate(over="ignore", invalid="ignore"):  # the model's own arithmetic would overflow as well
            array = np.array(data, _NUMPY.get(dtype), order="C")  # not ascontiguousarray: it makes a scalar a vector
        labels = [self.constants[s].label for s in (like, *sources) if s in self.constants]
        label = join(labels) if labels else Label()
        self.constants[name] = Constant.of(array, TensorType(dtype, array.shape), label)
        return name

    def fresh(self, hint: str) -> str:
        base, count, name = hint, 1, hint
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name

    def replace(
        self, old: Op, name: str, operands: Iterable[str], attrs: Mapping[str, Attr] | None = None, loc: str = "",
        results: int = 0,
    ) -> Op:  # fmt: skip
        """Another op with the same results (with `results`, only so many of them: other ops make the rest).

        `loc` is given where the op takes over the name of one that it absorbs.
        """
        new = replace(
            old, name=name, operands=tuple(operands), attrs=MappingProxyType(dict(attrs or {})), loc=loc or old.loc,
            results=old.results[: results or None],
        )  # fmt: skip
        self._unregister(old)
        self.ops[old.results[0]] = new
        self._register(new)
        return new

    def insert_before(
        self, at: Op, name: str, operands: Iterable[str], type: TensorType, hint: str,
        attrs: Mapping[str, Attr] | None = None, result: str = "",
    ) -> str:  # fmt: skip
        """A new op before `at`; returns the name of its result: a new one like `hint`, or `result`, which `at` gives
        up. Its loc is that of `at` with the op behind it."""
        result = result or self.fresh(hint)
        locs = {op.loc for op in self.ops.values()}
        loc, count = f"{at.loc}/{name}", 1
        while loc in locs:
            count += 1
            loc = f"{at.loc}/{name}#{count}"
        op = Op(name, tuple(operands), (result,), MappingProxyType(dict(attrs or {})), loc, at.domain)
        self.values[result] = Value(type)
        rows = list(self.ops.items())
        index = next(i for i, (key, _) in enumerate(rows) if key == at.results[0])
        self.ops = dict([*rows[:index], (result, op), *rows[index:]])
        self._register(op)
        return result

    def retype(self, value: str, type: TensorType) -> None:
        self.values[value] = replace(self.values[value], type=type)

    def remove(self, op: Op) -> None:
        """Take out an op that nobody reads any more."""
        self._unregister(op)
        del self.ops[op.results[0]]
        for result in op.results:
            if self._producer.get(result) is op:
                del self._producer[result]

    def bypass(self, op: Op, name: str) -> bool:
        """Let every reader of `op`'s result read `name` instead. False for an output of the module, which stays."""
        result = op.results[0]
        if result in self.module.outputs:
            return False
        for reader in self.readers(result):
            operands = tuple(name if o == result else o for o in reader.operands)
            self.replace(reader, reader.name, operands, reader.attrs)
        self.remove(op)
        return True

    def finish(self) -> Module:
        """The new module (the old one where nothing changed), without the values and constants nobody needs."""
        if not self.changed:
            return self.module
        ops = tuple(self.ops.values())
        live = {r for op in ops for r in op.results} | set(self.module.inputs)
        read = {o for op in ops for o in op.operands}
        return replace(
            self.module,
            ops=ops,
            values={n: v for n, v in self.values.items() if n in live},
            constants={n: c for n, c in self.constants.items() if n in read},
        )

    def _register(self, op: Op) -> None:
        self.changed = self.changed or op.results[0] not in self._producer or self._producer[op.results[0]] is not op
        for result in op.results:
            self._producer[result] = op
        for operand in op.operands:
            if operand and not operand.startswith("@"):
                self._readers.setdefault(operand, []).append(op.results[0])

    def _unregister(self, op: Op) -> None:
        self.changed = True
        for operand in op.operands:
            if operand and not operand.startswith("@"):
                self._readers[operand].remove(op.results[0])


def rewrite(module: Module, rules: Mapping[str, tuple[Rule, ...]]) -> Module:
    """Offer every op, in program order, to the rules of its operator until one has changed it."""
    r = Rewriter(module)
    with np.errstate(all="ignore"):  # an infinity or NaN among the weights is what the model says
        _offer(r, rules)
    return r.finish()


def _offer(r: Rewriter, rules: Mapping[str, tuple[Rule, ...]]) -> None:
    for first in [op.results[0] for op in r.module.ops]:
        for rule in rules.get(r.ops[first].name, ()) if first in r.ops else ():
            before = r.ops[first]
            rule(before, r)
            if r.ops.get(first) is not before:
                break
