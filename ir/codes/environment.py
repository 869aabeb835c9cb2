"""Codes: environment."""

from ppc.ir.codes import Code

CODES: list[Code] = []
