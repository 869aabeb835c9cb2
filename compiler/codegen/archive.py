"""Arrays as .npz bytes that depend on nothing but the arrays (no time stamps, fixed order and compression)."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np

from ppc.ir.module import Array

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can carry


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(arrays[name], order="C"), allow_pickle=False)
            archive.writestr(entry, data.getvalue(), compresslevel=6)
    return buffer.getvalue()
