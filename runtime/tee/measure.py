"""What the simulated enclave is: the measurement that its evidence shows and the plan demands.

measurement = sha384(deterministic CBOR of `components`), and the components are
- python:   implementation and exact version of the interpreter,
- numpy, cryptography: exact versions of the libraries that compute and encrypt,
- code:     sha384 over relative name and content of every .py file of ppc.runtime, in order of name,
- manifest: sha384 over the canonical JSON of plan.json without `tee.measurement` (which is this value): the steps
            and their attributes, the policy, the hash of the server's weights file, the TEE policy itself.
Not covered, because only hardware could: kernel, firmware, shared libraries below Python, arguments, environment.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ppc import runtime
from ppc.runtime.tee import cbor


def components(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What goes into the measurement of an enclave that runs this plan with the software installed here."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": version("numpy"),
        "cryptography": version("cryptography"),
        "code": _code_digest(),
        "manifest": manifest_digest(manifest),
    }


def measurement(manifest: Mapping[str, Any]) -> str:
    """The value for `manifest["tee"]["measurement"]`: 96 hex digits. That entry itself is not read."""
    return digest(components(manifest)).hex()


def digest(parts: Mapping[str, str]) -> bytes:
    """sha384 over components: 48 bytes."""
    return hashlib.sha384(cbor.encode(dict(parts))).digest()


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """sha384 of plan.json in canonical JSON (sorted keys, no spaces, ASCII), `tee.measurement` left out."""
    tee = {k: v for k, v in manifest["tee"].items() if k != "measurement"}
    read_back = json.loads(json.dumps({**manifest, "tee": tee}))  # keys are texts, and sort as texts
    text = json.dumps(read_back, sort_keys=True, separators=(",", ":"))
    return hashlib.sha384(text.encode()).hexdigest()


@cache
def _code_digest() -> str:
    root = Path(runtime.__path__[0])
    whole = hashlib.sha384()
    for name, path in sorted((p.relative_to(root).as_posix(), p) for p in root.rglob("*.py")):
        whole.update(name.encode() + b"\0" + hashlib.sha384(path.read_bytes()).digest())
    return whole.hexdigest()
