"""The `ppc` command. `ppc --help` imports nothing heavy: each command imports what it needs when it runs."""

from ppc.compiler.cli.app import main

__all__ = ["main"]
