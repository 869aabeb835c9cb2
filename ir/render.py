"""Text form of a diagnostic, in the shape that rustc made familiar."""

from ppc.ir.diagnostic import Diagnostic


def printable(text: str) -> str:
    """Names come from a model file and are hostile: show control characters and escapes as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


#: Columns that a line of IR or policy may take in a message.
_WIDTH = 160


def _short(line: str) -> str:
    """A long line loses its middle: what it defines and where it comes from stand at its ends."""
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 61]} … {line[-58:]}"


def render(d: Diagnostic) -> str:
    lines = [f"{d.severity}[{d.code}]: {printable(d.message)}"]
    where = " ".join(
        part
        for part in (
            printable(d.source) if d.source else "",
            f"node '{printable(d.node)}'" if d.node else "",
            f"value '{printable(d.value)}'" if d.value else "",
        )
        if part
    )
    if where:
        lines.append(f"  --> {where}")
    if d.excerpt:
        lines += ["   |", *(f"   | {_short(printable(line))}" for line in d.excerpt.splitlines()), "   |"]
    if d.facts:
        lines.append("   = facts: " + ", ".join(f"{k} = {v}" for k, v in d.facts.items()))
    if d.help:
        lines.append(f"   = help: {printable(d.help)}")
    lines.append(f"   = more: ppc explain {d.code}")
    return "\n".join(lines)
