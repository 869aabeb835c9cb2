"""External data: read where it is honest, refused where it would leave the model's folder or does not fit."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

Make = Callable[..., onnx.ModelProto]
WEIGHTS = np.arange(4, dtype=np.float32)


def write(make: Make, folder: Path, **entries: str) -> Path:
    model = make([onnx.helper.make_node("Add", ["x", "w"], ["y"])], {"x": (1, 4)}, ["y"], {"w": WEIGHTS})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with good data in it, and a secret outside."""
    inside = tmp_path / "model"
    (inside / "sub").mkdir(parents=True)
    (inside / "w.bin").write_bytes(b"\0" * 8 + WEIGHTS.tobytes())
    (inside / "sub" / "w.bin").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "secret.bin").write_bytes(b"0123456789abcdef")
    (inside / "link.bin").symlink_to(tmp_path / "secret.bin")
    (inside / "up").symlink_to(tmp_path)
    os.link(tmp_path / "secret.bin", inside / "hard.bin")
    os.mkfifo(inside / "fifo")
    return inside


def test_data_beside_the_model_is_read(make_model: Make, folder: Path) -> None:
    module = import_model(write(make_model, folder, location="w.bin", offset="8", length="16"))
    assert np.array_equal(module.constants["@w"].data, WEIGHTS)  # type: ignore[arg-type]
    below = import_model(write(make_model, folder, location="sub/w.bin"))
    assert below.constants["@w"] == module.constants["@w"]


def test_the_hash_of_the_model_covers_its_external_data(make_model: Make, folder: Path) -> None:
    path = write(make_model, folder, location="sub/w.bin")
    before = import_model(path).attrs["model_sha256"]
    (folder / "sub" / "w.bin").write_bytes((WEIGHTS + 1).tobytes())
    assert import_model(path).attrs["model_sha256"] != before


ESCAPES = [
    "../secret.bin",
    "/etc/passwd",
    "sub/../../secret.bin",
    "link.bin",
    "up/secret.bin",
    "hard.bin",
    "fifo",
    "sub",
    "C:\\secret.bin",
    "..\\secret.bin",
    "\\\\host\\share",
]


@pytest.mark.parametrize("location", ESCAPES)
def test_a_path_that_leaves_the_folder_is_refused(location: str, make_model: Make, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        import_model(write(make_model, folder, location=location))
    found = caught.value.diagnostics[0]
    assert found.code == "PPC1004" and found.value == "w" and found.help
    assert "0123456789abcdef" not in str(caught.value)


DAMAGE: list[dict[str, Any]] = [
    {"location": "missing.bin"}, {"location": ""}, {}, {"location": "w.bin", "offset": "-8"},
    {"location": "w.bin", "offset": "1e3"}, {"location": "w.bin", "offset": "8", "length": "17"},
    {"location": "w.bin", "offset": "25"}, {"location": "w.bin", "length": "9" * 40}, {"location": "a\0b"},
]  # fmt: skip


@pytest.mark.parametrize("entries", DAMAGE, ids=str)
def test_damaged_external_data_is_refused(entries: dict[str, str], make_model: Make, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        import_model(write(make_model, folder, **entries))
    assert caught.value.diagnostics[0].code == "PPC1005"


def test_a_length_that_does_not_fit_the_tensor_is_refused(make_model: Make, folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        import_model(write(make_model, folder, location="w.bin", offset="8", length="12"))
    assert caught.value.diagnostics[0].code in ("PPC1006", "PPC1009")


def test_a_model_from_bytes_has_no_folder(make_model: Make, folder: Path) -> None:
    data = write(make_model, folder, location="sub/w.bin").read_bytes()
    with pytest.raises(UserError) as caught:
        import_model(data)
    assert caught.value.diagnostics[0].code == "PPC1005"
