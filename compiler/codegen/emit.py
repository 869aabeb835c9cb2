"""plan.py: one line a step, for an auditor who reads from top to bottom."""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from math import isfinite
from typing import Any

from ppc.compiler.codegen.names import comment, variables
from ppc.ir.module import Module, Op
from ppc.ir.ops import OPS, opdef
from ppc.runtime.places import OWNERS, Holders

#: Attributes that say how the numbers are stored, not what happens: plan.json has them.
_HIDDEN = ("layout_", "in_layout_", "out_layout_", "terms", "blocks")
_LONG = 72
_NO = object()  # no value equals it


def emit(
    module: Module,
    steps: Sequence[Mapping[str, Any]],
    title: str,
    header: Sequence[str],
    manifest: str,
    errors: Mapping[str, float] | None = None,
    pair: Holders = OWNERS,
) -> str:
    """The text of plan.py. `errors`: the largest error of each node's polynomial; `pair`: the holders of shares.

    Every name from the model passes through `repr` or `comment`."""
    from jinja2 import Environment, StrictUndefined

    template = files("ppc.compiler.codegen").joinpath("plan.py.j2").read_text()
    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters["pystr"] = quoted
    return environment.from_string(template).render(
        title=comment(title, 100),
        header=[comment(line, 110) for line in header],
        format=steps_format(),
        manifest=manifest,
        lines=list(_lines(module, steps, errors or {}, pair)),
    )


def steps_format() -> str:
    from ppc.runtime.schema import PLAN_FORMAT

    return PLAN_FORMAT


def quoted(text: str) -> str:
    """A Python string literal in double quotes, ASCII only (JSON's escapes are Python's)."""
    return json.dumps(text)


def _lines(
    module: Module, steps: Sequence[Mapping[str, Any]], errors: Mapping[str, float], pair: Holders
) -> Sequence[str]:
    names = variables(r for op in module.ops for r in op.results)
    out: list[str] = []
    segment = None
    for op, step in zip(module.ops, steps, strict=True):
        place = _place(op, pair)
        if place != segment:
            out += ([""] if out else []) + [f"# ---- {place}"]
            segment = place
        out.append(f"# [{step['id']}] {_what(op, step, errors)}")
        out.append(_call(op, names))
    return out


def _place(op: Op, pair: Holders) -> str:
    engine = op.name.split(".")[0]
    return {
        "client": "client, in clear",
        "server": "server, in clear",
        "tee": "enclave, in clear inside the TEE",
        "he": "server, on ciphertexts (HE: CKKS)",
        "mpc": f"{pair[0]} and {pair[1]}, on shares (MPC)",
        "convert": "conversion: nobody learns anything",
        "reveal": "REVEAL: a party learns a value",
    }[engine]


def _what(op: Op, step: Mapping[str, Any], errors: Mapping[str, float]) -> str:
    shape = "x".join(map(str, step["shapes"][0])) or "scalar"
    parts = [f"{step['op']} '{comment(op.loc)}'" if step["op"] else f"value '{comment(op.loc)}'", shape]
    if op.name == "he.polynomial" and op.loc in errors:
        parts.append(
            f"approximated: error at most {errors[op.loc]:.1e} on [{op.attrs['lo']:.3g}, {op.attrs['hi']:.3g}]"
        )
    if "terms" in op.attrs:
        terms: Any = op.attrs["terms"]
        turns = {("b", t[0], t[2]) for t in terms if t[2]} | {("g", t[1], t[3]) for t in terms if t[3]}
        parts.append(f"{len(turns) + len(op.attrs.get('post', ()))} rotations, {len(terms)} products")  # type: ignore[arg-type]
    if "blocks" in op.attrs:
        blocks: Any = op.attrs["blocks"]
        entries = sum(len(rows) * len(cols) for rows, cols in blocks)
        parts.append(f"{entries} weights in {len(blocks)} block{'s' if len(blocks) > 1 else ''}")
    if "level" in op.attrs:
        parts.append(f"level {op.attrs['level']}")
    return ", ".join(parts)


def _call(op: Op, names: Mapping[str, str]) -> str:
    operands = [f"p.weight({quoted(o)})" if o.startswith("@") else names[o] if o else "None" for o in op.operands]
    defaults = _defaults(op.name.partition(".")[2])
    shown = [f"{k}={_literal(v)}" for k, v in sorted(op.attrs.items()) if _is_shown(k, v) and defaults.get(k, _NO) != v]
    call = f"p.{op.name}({', '.join([*operands, *shown])})"
    return f"{', '.join(names[r] for r in op.results)} = {call}" if op.results else call


def _defaults(operator: str) -> Mapping[str, Any]:
    """What an attribute is where a line does not say it; empty for steps that are no ONNX operator."""
    if operator not in OPS:
        return {}
    return {a.name: a.default for a in opdef(operator).attrs if not a.required and a.default is not None}


def _is_shown(key: str, value: Any) -> bool:
    if value == () or key == "source" or not _is_literal(value):
        return False
    return not key.startswith(_HIDDEN) and (key == "because" or len(repr(value)) <= _LONG)


def _is_literal(value: Any) -> bool:
    """Whether Python has a literal for it: infinity and NaN have none."""
    if isinstance(value, tuple):
        return all(map(_is_literal, value))
    return not isinstance(value, float) or isfinite(value)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)
