"""Importing CrypTen 0.4 so that nothing of it is insecure by default.

CrypTen's default provider lets party 0 compute party 1's inputs; its generators hold 32 bits of seed; it sends
pickles. `load()` turns its extension points to the party of the running gate (`crypten_layer`), and everything else
into a refusal. The other way exists for comparisons: `load(insecure=True)`, which leaves CrypTen as it comes, in a
process of its own.
"""

import sys
import types
from importlib import import_module
from typing import Any

from ppc.runtime.errors import PartyError

_loaded: dict[str, Any] = {}


def load(*, insecure: bool = False) -> Any:
    """CrypTen's package. RuntimeError where this process has it in the other mode; PPC6007 where it is not
    installed."""
    if _loaded and _loaded["insecure"] != insecure:
        raise RuntimeError("this process has imported CrypTen in the other mode; use another process")
    if not _loaded:
        package = _import()
        if not insecure:
            _turn(package)
        _loaded.update(package=package, insecure=insecure)
    return _loaded["package"]


def _import() -> Any:
    # Its ONNX converter asks for modules that torch has moved; ppc needs neither.
    stub = types.ModuleType("crypten.nn.onnx_converter")
    for name in ("from_onnx", "from_pytorch", "from_tensorflow"):
        setattr(stub, name, None)
    stub.TF_AND_TF2ONNX = False  # type: ignore[attr-defined]
    sys.modules.setdefault("crypten.nn.onnx_converter", stub)
    try:
        return import_module("crypten")
    except ImportError as error:
        raise PartyError("PPC6007", f"CrypTen is not installed ({error.name})", help="ppc doctor") from None


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("this part of CrypTen is not secure; ppc reaches it only by load(insecure=True)")


def _turn(package: Any) -> None:
    """Point CrypTen's extension points at our context, and close what leaks."""
    from ppc.runtime.mpc import crypten_layer as layer

    package.init = package.init_thread = package._setup_prng = refuse
    communicator = import_module("crypten.communicator")
    communicator.get = layer.communicator  # type: ignore[attr-defined]
    communicator.is_initialized = layer.is_running  # type: ignore[attr-defined]
    import_module("crypten.mpc").get_default_provider = layer.provider  # type: ignore[attr-defined]
    providers = import_module("crypten.mpc.provider")
    for name in ("TrustedFirstParty", "TrustedThirdParty", "HomomorphicProvider"):
        setattr(providers, name, refuse)
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("crypten") and hasattr(module, name):
                setattr(module, name, refuse)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("crypten"):
            for name in ("generate_random_ring_element", "generate_kbit_random_tensor"):
                if hasattr(module, name):
                    setattr(module, name, refuse)
    arithmetic = import_module("crypten.mpc.primitives.arithmetic").ArithmeticSharedTensor
    binary = import_module("crypten.mpc.primitives.binary").BinarySharedTensor
    arithmetic.PRZS = staticmethod(layer.zero_arithmetic)
    binary.PRZS = staticmethod(layer.zero_binary)
    arithmetic.PRSS = binary.PRSS = staticmethod(refuse)
    own_division = arithmetic.div_
    arithmetic.div_ = lambda self, y: layer.divide(self, y, own_division)
