"""The files of a plan, in memory and on disk."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppc.ir.diagnostic import Diagnostic, fail
from ppc.ir.module import Module

#: First bytes of a file that ppc may overwrite: plans it made itself.
_OURS = b'"""Plan for '


@dataclass(frozen=True)
class Compiled:
    """A compiled plan. `save` writes plan.py, plan.json, plan.server.npz (and plan.public.npz where there is one)."""

    plan: str
    manifest_bytes: bytes
    server: bytes
    public: bytes
    manifest: dict[str, Any]
    module: Module  # LOWERED
    assigned: Module
    diagnostics: tuple[Diagnostic, ...]

    @property
    def report(self) -> dict[str, Any]:
        """The report as data; `ppc inspect` shows the same."""
        found: dict[str, Any] = self.manifest["report"]
        return found

    def save(self, path: str | Path) -> Path:
        """Write the files beside each other. Refuses to overwrite a plan.py that ppc did not make (PPC5003)."""
        path = Path(path)
        if path.suffix != ".py":
            raise fail("PPC5003", f"a plan is a Python file; {path.name} does not end in .py", help="-o plan.py")
        if path.exists() and not path.read_bytes().startswith(_OURS):
            raise fail("PPC5003", f"{path.name} exists and was not made by ppc", help="choose another name with -o")
        files = {
            path.with_suffix(".server.npz"): self.server,
            path.with_suffix(".json"): self.manifest_bytes,
            path: self.plan.encode(),
        }
        if self.public:
            files[path.with_suffix(".public.npz")] = self.public
        for file, content in files.items():
            write_file(file, content, secret=file.name.endswith(".server.npz"))
        return path


def write_file(path: Path, content: bytes, *, secret: bool) -> None:
    """Atomically: a temporary file in the same folder, then rename. Raises UserError PPC5004."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o600 if secret else 0o644)
        os.replace(temporary, path)
    except OSError as e:
        Path(temporary).unlink(missing_ok=True)
        raise fail(
            "PPC5004", f"{path.name} cannot be written: {e.strerror}", help="make room or choose another place"
        ) from e
