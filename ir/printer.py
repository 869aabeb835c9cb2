"""Module -> text. Deterministic; `ppc.ir.parser.parse` is its inverse.

Names and node names come from a model file and are hostile, so everything that is not a plain word is a JSON string.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping

from ppc.ir.label import Label
from ppc.ir.module import Array, Attr, Constant, Module, Op, Value

#: Constants up to this size are printed with their data, so that golden files can carry weights.
INLINE = 16

#: The numpy type that an inline constant of each IR type has.
NUMPY = {
    **{f"f{n}": f"<f{n // 8}" for n in (16, 32, 64)},
    **{f"i{n}": f"<i{n // 8}" if n > 8 else "|i1" for n in (8, 16, 32, 64)},
    **{f"u{n}": f"<u{n // 8}" if n > 8 else "|u1" for n in (8, 16, 32, 64)},
    "bool": "|b1",
}

_PLAIN = re.compile(r"[A-Za-z0-9_.]+").fullmatch
#: Words that the grammar uses itself are quoted where a name is meant.
_RESERVED = frozenset(
    {"module", "const", "input", "output", "on", "in", "loc", "public", "secret", "range", "rms", "sha256"}
    | {"true", "false", "inf", "nan", "_"}
)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*").fullmatch


def print_module(module: Module) -> str:
    """The whole module, one line a constant, input and op, ending in a newline.

    Raises TypeError where an attribute has no text form (the verifier names the op).
    """
    for attrs in (module.attrs, *(op.attrs for op in module.ops)):
        if bad := [k for k, a in attrs.items() if not has_text_form(a)]:
            raise TypeError(f"attribute {bad[0]} has no text form: {type(attrs[bad[0]]).__name__}")
    lines = [f"module {json.dumps(module.name)} {module.stage.word}{print_attrs(module.attrs)} {{"]
    lines += [f"  {print_constant(name, c)}" for name, c in module.constants.items()]
    lines += [f"  input {sigil(name)}: {print_value(module.values[name])}" for name in module.inputs]
    lines += [f"  {print_op(op, module.values)}" for op in module.ops]
    lines += [f"  output {', '.join(map(sigil, module.outputs))}".rstrip(), "}"]
    return "\n".join(lines) + "\n"


def print_op(op: Op, values: Mapping[str, Value]) -> str:
    """One op on one line. A result that `values` lacks is shown as `?` (in reports of broken modules)."""
    defines = f"{', '.join(map(sigil, op.results))} = " if op.results else ""
    types = ", ".join(print_value(values[r]) if r in values else "?" for r in op.results)
    return (
        f"{defines}{op.name}({', '.join(map(sigil, op.operands))}){print_attrs(op.attrs)}"
        f"{f' on {op.domain}' if op.domain else ''}{f' : {types}' if types else ''}"
        f"{f' loc {json.dumps(op.loc)}' if op.loc else ''}"
    )


def print_constant(name: str, c: Constant) -> str:
    data = f" = {_tuple(_number(x) for x in c.data.ravel().tolist())}" if _inlines(c) and c.data is not None else ""
    return f"const {sigil(name)}: {c.type} {print_label(c.label)} sha256:{c.sha256}{data}"


def print_value(v: Value) -> str:
    parts = [str(v.type)]
    parts += [print_label(v.label)] if v.label is not None else []
    parts += [f"in {v.domain}"] if v.domain else []
    parts += [f"range[{_number(v.range[0])}, {_number(v.range[1])}]"] if v.range else []
    parts += [f"rms {_number(v.rms)}"] if v.rms is not None else []
    return " ".join(parts)


def print_label(label: Label) -> str:
    return f"secret[{', '.join(_word(o) for o in sorted(label.owners))}]" if label.owners else "public"


def print_attrs(attrs: Mapping[str, Attr]) -> str:
    inside = ", ".join(f"{_word(k)} = {_attr(attrs[k])}" for k in sorted(attrs))
    return f" {{{inside}}}" if inside else ""


def sigil(name: str) -> str:
    """An operand as it is written: `%value`, `@constant`, `_` for an absent one."""
    if not name:
        return "_"
    mark, rest = ("@", name[1:]) if name.startswith("@") else ("%", name)
    return mark + (rest if _PLAIN(rest) else json.dumps(rest))


def has_text_form(a: object) -> bool:
    """True for what `Attr` allows; numpy scalars are not among it, because they would not read back as they are."""
    return all(map(has_text_form, a)) if isinstance(a, tuple) else type(a) in (bool, int, float, str)


def _inlines(c: Constant) -> bool:
    data: Array | None = c.data
    if data is None or data.size > INLINE or data.shape != c.type.shape:
        return False
    return data.dtype.newbyteorder("<").str == NUMPY.get(c.type.dtype) and data.dtype.byteorder != ">"


def _attr(a: object) -> str:
    if isinstance(a, tuple):
        return _tuple(map(_attr, a))
    return json.dumps(a) if isinstance(a, str) else _number(a)


def _tuple(items: Iterable[str]) -> str:
    return f"[{', '.join(items)}]"


def _number(x: object) -> str:
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, float):
        return repr(float(x)) if math.isfinite(x) else "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    if isinstance(x, int):
        return str(x)
    return f"?{type(x).__name__}"  # only in reports of broken modules


def _word(name: str) -> str:
    return name if _WORD(name) and name not in _RESERVED else json.dumps(name)
