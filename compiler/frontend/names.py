"""Names of a model file are hostile text: identifiers for the IR are made from them, never taken."""

import re

from ppc.compiler.frontend.limits import MAX_IDENTIFIER

_HEAD = 20
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.]+")


def identifier(text: str) -> str:
    """`text` as `[A-Za-z_][A-Za-z0-9_.]*`, at most `MAX_IDENTIFIER` characters; "v" where nothing is left."""
    name = _FORBIDDEN.sub("_", text).strip(".")
    if len(name) > MAX_IDENTIFIER:  # what tells long names apart is at their end
        name = f"{name[:_HEAD]}__{name[_HEAD + 2 - MAX_IDENTIFIER :]}"
    if not name or name.strip("_.") == "":
        name = "v"
    return name if name[0].isalpha() or name[0] == "_" else f"v{name}"


class Names:
    """Hands out each name once: the second "x" is "x_2"."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def fresh(self, hint: str) -> str:
        """A new identifier that resembles `hint`."""
        return self._claim(identifier(hint), "_")

    def fresh_text(self, text: str) -> str:
        """`text` verbatim where it is new, else with "#2", "#3", ... behind it."""
        return self._claim(text, "#")

    def _claim(self, base: str, separator: str) -> str:
        name = base
        while name in self._taken:
            self._next[base] = self._next.get(base, 1) + 1
            name = f"{base}{separator}{self._next[base]}"
        self._taken.add(name)
        return name
