"""Errors of the two text forms (IR and policy): where, what was expected, what was probably meant."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ppc.ir.diagnostic import UserError, fail

#: Lines of a text are shown up to this width around the error.
WIDTH = 100


def at(code: str, token: Token, message: str, *, text: str, source: str, help: str | None = None) -> UserError:
    """An error about `token`."""
    line, column = token.line or 1, token.column or 1
    width = max(1, (token.end_pos or 0) - (token.start_pos or 0))
    return fail(
        code, message, source=f"{source}:{line}:{column}", excerpt=excerpt(text, line, column, width), help=help
    )


def explain(code: str, e: UnexpectedInput, text: str, source: str, names: Mapping[str, str]) -> UserError:
    """An error of the parser in words. `names` says how a terminal that is not a literal word is called."""
    line, column = e.line, e.column
    terminals: set[str] = set(getattr(e, "accepts", None) or getattr(e, "expected", None) or ())
    if isinstance(e, UnexpectedToken) and e.token.type != "$END":
        found = str(e.token)
    elif isinstance(e, UnexpectedCharacters):
        rest = text[e.pos_in_stream or 0 :][:40]
        found, terminals = next(iter(re.findall(r"\S+|.", rest, re.DOTALL)), ""), set(e.allowed or ())
    else:
        found = "the end"
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    literals = sorted(_literal(t) for t in terminals if t not in names)
    expected = literals + sorted(names[t] for t in terminals if t in names)
    message = f"'{found}' does not fit here; expected {_or(expected)}"
    return fail(
        code,
        message,
        source=f"{source}:{line}:{column}",
        excerpt=excerpt(text, line, column, len(found)),
        help=suggest(found, literals),
    )


def suggest(word: str, known: Iterable[str]) -> str | None:
    """`did you mean ...?`, or None where nothing is near."""
    near = get_close_matches(word, sorted(known), n=3, cutoff=0.6)
    return f"did you mean {_or([repr(n) for n in near])}?" if near else None


def excerpt(text: str, line: int, column: int, width: int) -> str:
    """The line with carets below the culprit; long lines are cut around it."""
    lines = text.split("\n")  # as lark counts them
    row = lines[line - 1].replace("\t", " ") if 0 < line <= len(lines) else ""
    start = max(0, column - 1 - WIDTH // 2)
    shown = row[start : start + WIDTH]
    indent = column - 1 - start
    return f"{shown}\n{' ' * indent}{'^' * max(1, min(width, len(shown) - indent))}"


def _literal(terminal: str) -> str:
    return _PUNCTUATION.get(terminal, terminal.removeprefix("_").lower())


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else "nothing"


#: lark names the terminals of punctuation; a reader wants to see the character.
_PUNCTUATION = {
    "LPAR": "'('",
    "RPAR": "')'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "LSQB": "'['",
    "RSQB": "']'",
    "COMMA": "','",
    "COLON": "':'",
    "EQUAL": "'='",
    "STAR": "'*'",
}
