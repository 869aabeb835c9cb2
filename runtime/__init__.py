"""What a party installs: engines, transport, keys, sessions. Imports none of the compiler.

`Plan` is the one name that a generated plan imports; it is loaded on first use, so that importing an error code of
the runtime does not load numpy (PEP 562).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppc.runtime.plan import Plan

__all__ = ["Plan"]


def __getattr__(name: str) -> Any:
    if name == "Plan":
        from ppc.runtime.plan import Plan

        return Plan
    raise AttributeError(f"module 'ppc.runtime' has no attribute {name!r}")
