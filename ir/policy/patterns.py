"""Matching the names in a policy with the names in a module."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from ppc.ir.diagnostic import Diagnostic, fail
from ppc.ir.policy import ast
from ppc.ir.policy.printer import print_statement
from ppc.ir.syntax import suggest


def is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    """`*` is any text, `?` one character, all else is itself (ONNX names have brackets: no character classes).

    A run of stars is one star, so that matching takes linear time in practice whatever a policy says.
    """
    parts = re.split(r"(\*+|\?)", pattern)
    return re.compile("".join(".*" if p[:1] == "*" else "." if p == "?" else re.escape(p) for p in parts), re.DOTALL)


def _as_identifier(pattern: str) -> str:
    """How import writes a name: the policy may use the model's own."""
    return re.sub(r"[^A-Za-z0-9_.*?]", "_", pattern)


def matches(pattern: str, name: str) -> bool:
    return bool(_regex(pattern).fullmatch(name) or _regex(_as_identifier(pattern)).fullmatch(name))


def bind_names(
    statement: ast.Statement, patterns: Sequence[str], names: Mapping[str, Sequence[str]], what: str
) -> tuple[dict[str, str], list[Diagnostic]]:
    """Which of `names` the patterns mean: key -> the most specific pattern that matched it.

    `names` maps a key to the texts it may be called by. A pattern that matches nothing is reported (PPC2010): a
    misspelt `deny` that denies nothing would be a leak. `*` may match nothing.
    """
    bound: dict[str, str] = {}
    unmatched = []
    for pattern in patterns:
        hits = [k for k, texts in names.items() if any(matches(pattern, t) for t in texts)]
        for k in hits:
            if not is_glob(pattern) or bound.get(k, "*") == "*":
                bound[k] = pattern
        if not hits and pattern != "*":
            known = [t for texts in names.values() for t in texts]
            help = suggest(pattern, known) or f"the model has {_few(known)}"
            message = f"{what} '{pattern}' matches nothing in this model"
            unmatched.append(about(statement, "PPC2010", message, help))
    return bound, unmatched


def most_specific(claims: Iterable[tuple[ast.Owned, dict[str, str]]]) -> dict[str, ast.Owned]:
    """Who owns what: a full name beats a pattern, and a pattern a lone `*`. Raises PPC2005 where two equals differ."""
    best: dict[str, tuple[int, ast.Owned]] = {}
    for statement, bound in claims:
        for key, pattern in bound.items():
            rank = 0 if pattern == "*" else 1 if is_glob(pattern) else 2
            known = best.get(key)
            if known and known[0] == rank and known[1].owner != statement.owner:
                raise fail(
                    "PPC2005",
                    f"{statement.what} '{key.lstrip('@')}' has two owners: this line, and {known[1].at}",
                    source=str(statement.at),
                    excerpt=f"{print_statement(known[1])}\n{print_statement(statement)}",
                    help="name it in full in one of the two lines: a full name beats a pattern",
                )
            if known is None or rank >= known[0]:
                best[key] = rank, statement
    return {key: statement for key, (_, statement) in best.items()}


def about(s: ast.Statement, code: str, message: str, help: str | None) -> Diagnostic:
    return Diagnostic(code, message, source=str(s.at), excerpt=s.at.text or print_statement(s), help=help)


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{n[:60]}'" for n in names[:8])
    return f"{shown}, and {len(names) - 8} more" if len(names) > 8 else shown or "none"
