"""Policies on disk."""

from pathlib import Path

from ppc.ir.diagnostic import fail


def policy_text(path: Path) -> str:
    """The text of a policy file. Raises UserError PPC2001 where it is no text, OSError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        help = "save it as UTF-8"
        raise fail("PPC2001", f"byte {e.start} is not UTF-8 text", source=path.name, help=help) from None
