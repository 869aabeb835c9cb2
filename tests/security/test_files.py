"""What lies in the files of each side, and what does not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from three_way import MODELS, POLICIES

import ppc
from ppc.compiler.frontend.onnx_import import import_model
from ppc.runtime.errors import PartyError
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure

LENET = MODELS / "lenet5_relu_maxpool_mnist.onnx"


def pieces(values: np.ndarray) -> set[bytes]:
    """A tensor's elements as they could stand in a file: raw pairs of floats, and decimal numbers of full precision."""
    v = np.asarray(values, np.float64).reshape(-1)
    pairs = {np.asarray(v[i : i + 2], t).tobytes() for t in ("<f4", "<f8") for i in range(0, len(v) - 1)}
    decimals = {repr(float(x)).encode() for x in v if len(repr(float(x))) > 12}
    return {p for p in pairs if len(set(p)) > 4} | decimals


@pytest.mark.parametrize("policy", ["mpc", "he_mpc", "he_mpc_tee"])
def test_no_file_of_the_client_holds_a_weight(policy: str, tmp_path: Path) -> None:
    ppc.compile(LENET, POLICIES / f"{policy}.ppc").save(tmp_path / "plan.py")
    public = {f.name: f.read_bytes() for f in tmp_path.iterdir() if f.name != "plan.server.npz"}
    assert set(public) == {"plan.py", "plan.json"}
    assert (tmp_path / "plan.server.npz").stat().st_mode & 0o077 == 0
    for name, constant in import_model(LENET).constants.items():
        if constant.data is not None and constant.data.dtype.kind == "f":
            for piece in list(pieces(constant.data))[:400]:
                assert not any(piece in content for content in public.values()), f"{name} stands in a public file"


def test_a_run_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a run's keys and inputs is gone afterwards, and was nobody else's to read."""
    folders: list[Path] = []
    from ppc.runtime import secure

    kept = secure.private_folder

    @contextmanager
    def watched() -> Iterator[Path]:
        with kept() as folder:
            folders.append(folder)
            assert folder.stat().st_mode & 0o077 == 0
            yield folder
            server = b"".join(f.read_bytes() for f in (folder / "keys" / "server").iterdir())
            assert x.tobytes() not in server and b"input.npz" not in server

    monkeypatch.setattr(secure, "private_folder", watched)
    plan = ppc.compile(MODELS / "logreg_heart.onnx", POLICIES / "mpc.ppc").save(tmp_path / "plan.py")
    x = np.load(MODELS / "logreg_heart.npz")["x"][:1]
    before = set(os.listdir(tmp_path))
    run_secure(plan, {"input": x})
    assert folders and not folders[0].exists()
    assert set(os.listdir(tmp_path)) - before <= {"__pycache__"}


@pytest.mark.parametrize("name", ["plan.py", "plan.json", "plan.server.npz"])
def test_a_changed_file_is_refused(name: str, tmp_path: Path) -> None:
    plan = ppc.compile(MODELS / "logreg_heart.onnx").save(tmp_path / "plan.py")
    file = tmp_path / name
    data = bytearray(file.read_bytes())
    at = data.index(b"mpc") if name != "plan.server.npz" else len(data) // 2
    data[at] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(PartyError, match="PPC6006"):
        loaded, program = Plan.load(plan)
        loaded.server_weights()
        from ppc.runtime.session import run_local

        run_local(loaded, program, {"input": np.load(MODELS / "logreg_heart.npz")["x"][:1]}, noise=False)
