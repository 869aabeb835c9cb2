"""Text -> Module: the inverse of `ppc.ir.printer.print_module`.

Raises UserError: PPC1901 (syntax, with line, column and what was expected), PPC1902 (a name defined twice or not
at all), PPC1903 (the data of a constant does not fit its hash or type), PPC1904 (a word that names nothing: stage,
domain, type).
"""

import json
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np
from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from ppc.ir.diagnostic import UserError
from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Constant, Module, Op, Stage, Value, digest
from ppc.ir.printer import NUMPY
from ppc.ir.syntax import at, explain, suggest
from ppc.ir.types import DTYPES, Domain, TensorType

STAGES = {s.word: s for s in Stage}
DOMAINS = {d.value: d for d in Domain}


def parse(text: str, source: str = "<text>") -> Module:
    """Read one module. `source` names the text in diagnostics."""
    build = _Build(text, source)
    try:
        module: Module = build.transform(_grammar().parse(text))
    except UnexpectedInput as e:
        raise explain("PPC1901", e, text, source, dict(_TERMINALS)) from None
    except VisitError as e:
        if isinstance(e.orig_exc, UserError):
            raise e.orig_exc from None
        raise
    return module


@cache
def _grammar() -> Lark:
    grammar = files("ppc.ir").joinpath("text.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="module", parser="lalr", maybe_placeholders=True)


#: What a reader is told a terminal is; literal words explain themselves.
_TERMINALS = {
    "STRING": 'a "string"',
    "WORD": "a name",
    "VALUE": "a %value",
    "CONST": "a @constant",
    "TYPE": "a type such as f32<1x10>",
    "HEX": "64 hex digits",
    "NUMBER": "a number",
    "INF": "inf",
    "ABSENT": "_",
    "TRUE": "true",
    "FALSE": "false",
    "$END": "the end",
}


def _unquote(t: str) -> str:
    return str(json.loads(t)) if t.startswith('"') else t


@v_args(inline=True)
class _Build(Transformer[Token, Module]):
    """Builds the module bottom-up. Names are checked here, because a dict would hide a second definition."""

    def __init__(self, text: str, source: str):
        super().__init__(visit_tokens=True)
        self._fail = partial(at, text=text, source=source)
        self._types: dict[str, TensorType] = {}
        self._operands: list[Token] = []  # every use of a name, to be checked at the end

    # tokens
    def STRING(self, t: Token) -> Token:
        try:
            return t.update(value=json.loads(t, strict=False))
        except ValueError:
            raise self._fail("PPC1901", t, f"{t} is not a JSON string") from None

    def VALUE(self, t: Token) -> Token:
        return self._name(t, "")

    def CONST(self, t: Token) -> Token:
        return self._name(t, "@")

    def ABSENT(self, t: Token) -> Token:
        return t.update(value="")

    def _name(self, t: Token, mark: str) -> Token:
        try:
            return t.update(value=mark + _unquote(t[1:]))
        except ValueError:
            raise self._fail("PPC1901", t, f"{t} is not a JSON string") from None

    def _pick(self, table: dict[str, Any], t: Token, what: str) -> Any:
        if t not in table:
            raise self._fail("PPC1904", t, f"there is no {what} '{t}'", help=suggest(t, table))
        return table[t]

    # values
    def TYPE(self, t: Token) -> TensorType:
        known = self._types.get(t)
        if known is None:
            dtype, _, dims = t[:-1].partition("<")
            if dtype not in DTYPES:
                raise self._fail("PPC1904", t, f"there is no element type '{dtype}'", help=suggest(dtype, DTYPES))
            shape = () if dims == "scalar" else tuple(map(int, dims.split("x")))
            known = self._types[t] = TensorType(dtype, shape)
        return known

    def value(self, type: TensorType, label: Label | None, domain: Token | None, range: Any, rms: Any) -> Value:
        at = None if domain is None else self._pick(DOMAINS, domain, "domain")
        return Value(type, label, at, range, None if rms is None else float(rms))

    def values(self, *values: Value) -> tuple[Value, ...]:
        return values

    def public(self) -> Label:
        return PUBLIC

    def secret(self, *owners: str) -> Label:
        return Label(frozenset(map(str, owners)))

    def range(self, lo: float, hi: float) -> tuple[float, float]:
        return float(lo), float(hi)

    # attributes
    def number(self, t: Token) -> int | float:
        return int(t) if t.lstrip("-").isdigit() else float(t)

    def true(self, _: Token) -> bool:
        return True

    def false(self, _: Token) -> bool:
        return False

    def string(self, t: Token) -> str:
        return str(t)

    def list(self, *items: Any) -> tuple[Any, ...]:
        return () if items == (None,) else items

    def attr(self, key: str, value: Any) -> tuple[str, Any]:
        return str(key), value

    def attrs(self, *pairs: Any) -> dict[str, Any]:
        return dict(p for p in pairs if p is not None)

    # lines
    def names(self, *names: Token) -> tuple[Token, ...]:
        return names

    def operands(self, *names: Token) -> tuple[Token, ...]:
        self._operands += names
        return names

    def constant(self, name: Token, v: Value, sha: Token, data: Any) -> tuple[Token, Constant]:
        if v.label is None or v.domain is not None or v.range is not None or v.rms is not None:
            raise self._fail("PPC1901", name, "a constant has a label, and neither a domain nor a range")
        return name, Constant(v.type, v.label, str(sha), None if data is None else self._data(name, v.type, sha, data))

    def _data(self, name: Token, t: TensorType, sha: Token, data: tuple[Any, ...]) -> Any:
        if len(data) != t.size or t.dtype not in NUMPY or not all(isinstance(x, (int, float)) for x in data):
            raise self._fail("PPC1903", name, f"{name} has {len(data)} elements in the text, {t} has {t.size} numbers")
        try:
            with np.errstate(over="ignore"):
                array = np.array(data, NUMPY[t.dtype]).reshape(t.shape)
        except (OverflowError, ValueError):
            raise self._fail("PPC1903", name, f"{name}: an element does not fit {t.dtype}") from None
        if digest(array) != sha:
            help = f"the hash of these elements is sha256:{digest(array)}"
            raise self._fail("PPC1903", name, f"{name}: the elements and the hash differ", help=help)
        return array

    def input(self, name: Token, v: Value) -> tuple[Token, Value]:
        return name, v

    def op(self, *parts: Any) -> tuple[tuple[Token, ...], Op, dict[str, Value]]:
        results, name, operands, attrs, domain, values, loc = parts
        results, values = results or (), values or ()
        if len(results) != len(values):
            raise self._fail("PPC1901", name, f"{len(results)} results have {len(values)} types")
        op = Op(
            str(name),
            tuple(map(str, operands or ())),
            tuple(map(str, results)),
            attrs or {},
            "" if loc is None else str(loc),
            None if domain is None else self._pick(DOMAINS, domain, "domain"),
        )
        return results, op, dict(zip(op.results, values, strict=True))

    def module(self, name: Token, stage: Token, attrs: Any, *lines: Any) -> Module:
        *body, outputs = lines
        constants: dict[str, Constant] = {}
        values: dict[str, Value] = {}
        inputs: list[str] = []
        ops: list[Op] = []
        for head, what, *results in body:
            if isinstance(what, Constant):
                self._define(constants, head, what)
            elif isinstance(what, Value):
                self._define(values, head, what)
                inputs.append(str(head))
            else:
                ops.append(what)
                for token in head:
                    if not (what.name == "client.input" and token in inputs):
                        self._define(values, token, results[0][token])
        for operand in (*self._operands, *(outputs or ())):
            known: dict[str, Any] = constants if operand.startswith("@") else values
            if operand and operand not in known:
                raise self._fail("PPC1902", operand, f"'{operand}' is not defined", help=suggest(operand, known))
        return Module(
            str(name),
            self._pick(STAGES, stage, "stage"),
            tuple(inputs),
            tuple(map(str, outputs or ())),
            tuple(ops),
            values,
            constants,
            attrs or {},
        )

    def _define(self, known: dict[str, Any], name: Token, what: Any) -> None:
        if name in known:
            raise self._fail("PPC1902", name, f"'{name}' is defined twice")
        known[str(name)] = what
