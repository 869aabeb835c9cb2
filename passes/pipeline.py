"""A pipeline: passes in order, from and to text such as `fold,assign{solver=milp,seed=1}`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from time import perf_counter
from typing import Any

from ppc.ir.module import Module
from ppc.passes.base import Pass
from ppc.passes.registry import pass_class

#: Called after each pass: the pass, the module it made, its seconds. Printing, verifying and timing are callbacks.
Callback = Callable[[Pass, Module, float], None]

_ITEM = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*(?:\{([^{}]*)\})?\s*(?:,|$)")
_TYPES: dict[type, Callable[[str], Any]] = {int: int, float: float, str: str}
_WORDS = {"true": True, "false": False}


class PipelineError(ValueError):
    """The text of a pipeline does not parse, or an option does not exist or has the wrong type."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    passes: tuple[Pass, ...]

    @staticmethod
    def parse(text: str) -> "Pipeline":
        """Raises PipelineError, UnknownPass."""
        passes, at = [], 0
        while at < len(text.rstrip()):
            found = _ITEM.match(text, at)
            if found is None:
                raise PipelineError(f"pipeline, column {at + 1}: expected `pass` or `pass{{option=value}}`, "
                                    f"found {text[at : at + 20]!r}")  # fmt: skip
            passes.append(_make(pass_class(found[1]), found[2] or ""))
            at = found.end()
        return Pipeline(tuple(passes))

    def __str__(self) -> str:
        return ",".join(map(spec, self.passes))

    def run(self, module: Module, callback: Callback | None = None) -> Module:
        """Every pass in order; `callback` after each."""
        for step in self.passes:
            start = perf_counter()
            module = step(module)
            if callback:
                callback(step, module, perf_counter() - start)
        return module


def spec(step: Pass) -> str:
    """A pass as text; options at their default are left out."""
    options = [
        f"{f.name.replace('_', '-')}={_text(getattr(step, f.name))}"
        for f in fields(step)
        if getattr(step, f.name) != f.default
    ]
    return step.name + (f"{{{','.join(options)}}}" if options else "")


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _make(cls: type[Pass], text: str) -> Pass:
    known = {f.name: f for f in fields(cls)}
    options: dict[str, Any] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (p.strip() for p in item.partition("="))
        name = key.replace("-", "_")
        if name not in known:
            has: Sequence[str] = [k.replace("_", "-") for k in known] or ["none"]
            raise PipelineError(f"pass {cls.name} has no option {key!r}; it has: {', '.join(has)}")
        options[name] = _value(cls, key, known[name].default, value if equals else "true")
    return cls(**options)


def _value(cls: type[Pass], key: str, default: Any, text: str) -> Any:
    """The text as a value of the type of the option's default; tuples are written a+b+c."""
    try:
        if isinstance(default, bool):
            return _WORDS[text.lower()]
        if isinstance(default, tuple):
            kind = type(default[0]) if default else str
            return tuple(_TYPES[kind](part) for part in text.split("+") if part)
        return _TYPES[type(default)](text) if default is not None else text
    except (ValueError, KeyError) as error:
        raise PipelineError(f"pass {cls.name}: option {key} takes a {type(default).__name__}, not {text!r}") from error
