"""Options that several commands take, as text of the shell."""

import math

import typer


def parse_dims(items: list[str]) -> dict[str, int]:
    """`NAME=VALUE` options as a mapping."""
    found = {}
    for item in items:
        name, sep, value = item.partition("=")
        if not sep or not value.isdigit():
            raise typer.BadParameter(f"--dim takes NAME=VALUE, not {item!r}")
        found[name] = int(value)
    return found


def parse_fixed(items: list[str]) -> dict[str, float]:
    """`NAME=NUMBER` options as a mapping; a number fills the whole input."""
    found = {}
    for item in items:
        name, sep, value = item.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not sep or not math.isfinite(number):
            raise typer.BadParameter(f"--fix takes NAME=NUMBER, not {item!r}")
        found[name] = int(value) if value.lstrip("+-").isdigit() else number
    return found
