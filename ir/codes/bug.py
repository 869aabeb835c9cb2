"""Codes: bugs of ppc."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC9001",
        "a bug of ppc",
        "An invariant of the compiler or of a party is broken. Your model and policy are not to "
        "blame; nothing was written.",
        "Report the text that was printed, and the model if you may share it.",
    ),
]
