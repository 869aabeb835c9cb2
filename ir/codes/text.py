"""Codes: text form of the IR (`ppc opt`)."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC1901",
        "the IR text does not parse",
        "The text is not in the form that `ppc opt` prints; the message shows the place and what could stand there.",
        "Correct the line, or print the module again.",
    ),
    Code(
        "PPC1902",
        "a name is defined twice or not at all",
        "Every %value and @constant of a module has exactly one definition; a second one, or none, would make the text "
        "mean something else than it says.",
        "Rename one of the two, or define the name above.",
    ),
    Code(
        "PPC1903",
        "the data of a constant does not fit",
        "Small constants stand in the text with their elements, and the hash covers dtype, shape and elements. They "
        "differ, so one of them was changed.",
        "Restore the elements, or take the hash that the message prints.",
    ),
    Code(
        "PPC1904",
        "an unknown word in the IR text",
        "Stages, domains and element types are fixed words.",
        "Take one of the words that the message suggests.",
    ),
]
