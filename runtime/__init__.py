"""What a party installs: engines, transport, keys, sessions. Imports none of the compiler.

`Plan` is the one name that a generated plan imports.
"""

from ppc.runtime.plan import Plan

__all__ = ["Plan"]
