"""What this machine has of what the targets need."""

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from ppc import __version__

#: what -> (module, distribution, for which target, how to install)
_NEEDS = {
    "onnx": ("onnx", "onnx", "compiling", "pip install ppc-compiler"),
    "scipy": ("scipy", "scipy", "assignment (HiGHS)", "pip install ppc-compiler"),
    "tenseal": ("tenseal", "tenseal", "HE", "pip install 'ppc-compiler[he]'"),
    "torch": ("torch", "torch", "MPC", "pip install 'ppc-compiler[mpc]'"),
    "crypten": ("crypten", "crypten", "MPC (CrypTen tensors)", "pip install --no-deps crypten==0.4.1"),
    "onnxruntime": ("onnxruntime", "onnxruntime", "run --compare", "pip install 'ppc-compiler[compare]'"),
}


def findings() -> list[dict[str, Any]]:
    """One row a requirement: what, found, ok, fix."""
    rows: list[dict[str, Any]] = [
        {"what": "ppc", "found": __version__, "ok": True, "fix": ""},
        {
            "what": "python",
            "found": sys.version.split()[0],
            "ok": sys.version_info >= (3, 11),
            "fix": "use Python 3.11 or newer",
        },
    ]
    for what, (module, distribution, use, fix) in _NEEDS.items():
        ok = find_spec(module) is not None
        rows.append(
            {
                "what": what,
                "found": f"{_version(distribution)} ({use})" if ok else f"none ({use})",
                "ok": ok,
                "fix": fix,
            }
        )
    rows.append(_enclave())
    return rows


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "present"


def _enclave() -> dict[str, Any]:
    from ppc.runtime.tee import lockdown

    gives = lockdown.available()
    found = ", ".join(f"{k} {v}" for k, v in gives.items())
    return {
        "what": "enclave",
        "found": f"SIMULATION only, no TEE hardware driver; lock-down: {found}",
        "ok": True,
        "fix": "",
    }
