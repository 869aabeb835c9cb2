"""`ppc fmt`: a policy in the one layout, with its comments, its order and its author's words, numbers and units.

One statement a line, one blank between words; a comment stays where it was, before its statement or behind it; runs of
blank lines become one. Formatting twice changes nothing, and what the policy says stays the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ppc.ir.policy.parser import statement_spans

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<comment>(?:\#|//)[^\n]*)
      | (?P<break>\n)
      | (?P<blank>[ \t\r]+)
      | (?P<comma>,)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|>=|<=|\*)""",
    re.VERBOSE,
)


@dataclass
class _Line:
    """One line of the result: a statement with the comment behind it, or a comment alone, or nothing."""

    statement: str = ""
    comment: str = ""

    def __str__(self) -> str:
        return f"{self.statement}  {self.comment}" if self.statement and self.comment else self.statement + self.comment


def format_policy(text: str, source: str = "policy") -> str:
    """Raises UserError PPC2001, PPC2002, PPC2004 for text that is no policy."""
    lines: list[_Line] = []
    at = 0
    for start, end in statement_spans(text, source):
        _between(text[at:start], lines)
        words, comments = _words(text[start:end])
        lines += [_Line(comment=c) for c in comments]
        lines.append(_Line(words))
        at = end
    _between(text[at:], lines)
    rows = list(map(str, lines))
    kept = [row for i, row in enumerate(rows) if row or (i > 0 and rows[i - 1])]
    while kept and not kept[-1]:
        kept.pop()
    return "".join(f"{row}\n" for row in kept)


def _between(gap: str, lines: list[_Line]) -> None:
    """Comments and blank lines between two statements. A comment on the line of the statement before stays there."""
    breaks = 0
    for kind, token in _tokens(gap):
        if kind == "break":
            breaks += 1
        if kind == "comment":
            comment = _comment(token)
            if breaks == 0 and lines and lines[-1].statement and not lines[-1].comment:
                lines[-1].comment = comment
            else:
                lines += [_Line()] * (breaks > 1 and bool(lines))
                lines.append(_Line(comment=comment))
            breaks = 0
    if breaks > 1 and lines:
        lines.append(_Line())


def _words(statement: str) -> tuple[str, list[str]]:
    """The statement on one line, and the comments that stood inside it."""
    comments = [_comment(token) for kind, token in _tokens(statement) if kind == "comment"]
    out = ""
    for kind, token in _tokens(statement):
        if kind in ("string", "word", "comma"):
            out += token if kind == "comma" or not out else f" {token}"
    return out, comments


def _comment(token: str) -> str:
    """`#text` becomes `# text`; rules such as `#----` stay."""
    mark = "//" if token.startswith("//") else "#"
    body = token[len(mark) :].rstrip()
    return f"{mark} {body}" if body[:1].isalnum() else mark + body


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(text):
        yield str(found.lastgroup), found.group()
