"""Names that are safe in generated Python: whatever a model file calls its values."""

import keyword
import re
from collections.abc import Iterable

from ppc.ir.render import printable

_TAKEN = {"p", "plan", "program", "Plan", "_"}


def variables(values: Iterable[str]) -> dict[str, str]:
    """A Python identifier for each value name: recognisable, unique, never a keyword or a name the plan uses."""
    found: dict[str, str] = {}
    used = set(_TAKEN)
    for value in values:
        base = re.sub(r"[^A-Za-z0-9_]+", "_", value, flags=re.ASCII).strip("_")[:40] or "v"
        if not base[0].isalpha() or keyword.iskeyword(base) or keyword.issoftkeyword(base):
            base = f"v_{base}"
        name, n = base, 2
        while name in used:
            name, n = f"{base}_{n}", n + 1
        used.add(name)
        found[value] = name
    return found


def comment(text: str, width: int = 60) -> str:
    """Hostile text for a comment or docstring: one line, no quotes or backslashes that could end either."""
    shown = printable(text).replace("\\", "/").replace('"', "'")
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in shown)
    return shown if len(shown) <= width else shown[: width - 3] + "..."
