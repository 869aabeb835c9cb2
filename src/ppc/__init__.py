"""ppc: the privacy-preserving compiler.

`import ppc` is light: the names below are loaded when they are first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppc.compiler.api import Compiled, CompileError, check, compile
    from ppc.runtime.session import InferenceSession

__version__ = "0.1.0"

_PUBLIC = {
    "compile": "ppc.compiler.api",
    "check": "ppc.compiler.api",
    "Compiled": "ppc.compiler.api",
    "CompileError": "ppc.compiler.api",
    "InferenceSession": "ppc.runtime.session",
}

__all__ = ["CompileError", "Compiled", "InferenceSession", "__version__", "check", "compile"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'ppc' has no attribute {name!r}")
