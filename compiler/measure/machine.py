"""What tells one machine from another as far as times go. No name of a host, a user or a folder is in it."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ppc import __version__

#: Libraries whose versions change the times.
LIBRARIES = ("tenseal", "torch", "numpy")


def fingerprint() -> dict[str, Any]:
    """CPU model, architecture, cores, and the versions of what computes."""
    versions = {"ppc": __version__, **{name: _version(name) for name in LIBRARIES}}
    return {"cpu": _cpu(), "architecture": platform.machine(), "cores": os.cpu_count() or 1, "versions": versions}


def differences(table: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between the machine of a table and this one, in words; empty where a table holds here."""
    found = [
        f"{name} {table.get(name)!r} there, {here[name]!r} here"
        for name in ("cpu", "architecture", "cores")
        if table.get(name) != here[name]
    ]
    theirs = table.get("versions")
    theirs = theirs if isinstance(theirs, dict) else {}
    return found + [
        f"{name} {theirs.get(name)!r} there, {mine!r} here"
        for name, mine in here["versions"].items()
        if theirs.get(name) != mine
    ]


def _cpu() -> str:
    """The model's name as the kernel gives it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return " ".join(value.split())
    except OSError:  # no Linux
        return platform.processor() or "unknown"
    return platform.processor() or "unknown"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"
