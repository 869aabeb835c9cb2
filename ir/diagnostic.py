"""Diagnostics: what went wrong with the user's model, policy or request; and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `code` is a row of `ppc.ir.codes.CODES`; the same object feeds text, JSON and SARIF."""

    code: str
    message: str
    severity: Severity = "error"
    node: str | None = None  # ONNX node name (hostile text: escape it when printing)
    value: str | None = None
    source: str | None = None  # "policy.ppc:6:3", or the model's file name
    excerpt: str | None = None  # the line of IR or policy it is about
    help: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        from ppc.ir.render import render

        return render(self)


class UserError(Exception):
    """The input was judged and fails. Carries every diagnostic that was collected (at most 20)."""

    def __init__(self, *diagnostics: Diagnostic):
        super().__init__("\n\n".join(map(str, diagnostics)))
        self.diagnostics: Sequence[Diagnostic] = diagnostics


class InternalError(Exception):
    """A bug of ours: an invariant of the compiler is broken. Never raised for bad input."""


def fail(code: str, message: str, **kw: Any) -> UserError:
    """Shorthand: `raise fail("PPC1001", "...", node=..., help=...)`."""
    return UserError(Diagnostic(code, message, **kw))
