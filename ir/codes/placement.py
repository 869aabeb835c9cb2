"""Codes: placement."""

from ppc.ir.codes import Code

CODES: list[Code] = []
