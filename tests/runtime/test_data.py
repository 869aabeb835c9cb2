"""Inputs from files, and outputs to files."""

import errno
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ppc.runtime import data
from ppc.runtime.errors import PartyError

IMAGE = [{"name": "image", "dtype": "f32", "shape": [1, 1, 4, 4]}]
TWO = [{"name": "a", "dtype": "f32", "shape": [2, 3]}, {"name": "b", "dtype": "i64", "shape": [2, 5]}]


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "d.npz", **arrays)
        return tmp_path / "d.npz"

    return write


def refused(path, inputs=IMAGE, **options):
    with pytest.raises(PartyError) as e:
        data.load_inputs(path, inputs, **options)
    assert e.value.code == "PPC6005"
    return str(e.value)


@pytest.mark.parametrize(
    ("shape", "samples"), [((7, 1, 4, 4), 7), ((7, 1, 1, 4, 4), 7), ((1, 4, 4), 1), ((1, 1, 4, 4), 1)]
)
def test_shapes_that_fit(save, shape, samples):
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    got, n = data.load_inputs(save(image=x), IMAGE)
    assert n == samples and got["image"].shape == (samples, 1, 4, 4)
    assert np.array_equal(got["image"].reshape(-1), x.reshape(-1))


@pytest.mark.parametrize("shape", [(7, 4, 4), (7, 1, 4, 5), (7, 2, 1, 4, 4), (7, 16), (), (4, 4), (1, 7, 1, 1, 4, 4)])
def test_shapes_that_do_not_fit(save, shape):
    text = refused(save(image=np.zeros(shape, "f4")))
    assert f"got {'x'.join(map(str, shape)) or 'scalar'}, expected Sx1x4x4" in text and "takes 1x1x4x4" in text


def test_rows_that_are_whole_batches(save):
    a = np.arange(4 * 2 * 3, dtype="f4").reshape(4, 2, 3)
    got, n = data.load_inputs(save(a=a, b=np.zeros((8, 5), "i8")), TWO)
    assert n == 8 and np.array_equal(got["a"], a.reshape(8, 3))


@pytest.mark.parametrize("name", ["image", "in_image", "x", "anything"])
def test_a_lone_input_is_found(save, name):
    assert data.load_inputs(save(**{name: np.ones((2, 1, 4, 4), "f4")}), IMAGE)[1] == 2


def test_a_lone_input_among_other_arrays(save):
    x, y = np.ones((2, 1, 4, 4), "f4"), np.zeros(2)
    assert data.load_inputs(save(x=x, y=y), IMAGE)[0]["image"].all()
    text = refused(save(mine=x, y=y))
    assert "--input NAME" in text and "'mine', 'y'" in text
    assert data.load_inputs(save(mine=x, y=y), IMAGE, lone_name="mine")[1] == 2
    assert "looked for nope" in refused(save(x=x), lone_name="nope")


def test_arrays_that_are_not_asked_for_may_be_anything(save):
    labels = np.array([{"name": "seven"}, None], object)
    assert data.load_inputs(save(x=np.ones((2, 1, 4, 4), "f4"), labels=labels), IMAGE)[1] == 2


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 1, 4, 4)))
    got, n = data.load_inputs(tmp_path / "x.npy", IMAGE)
    assert n == 3 and got["image"].dtype == np.float32


def test_several_inputs(save):
    a, b = np.zeros((4, 3), "f4"), np.zeros((4, 5), "i8")
    assert data.load_inputs(save(in_a=a, b=b), TWO)[1] == 4
    assert "no array for input 'b'" in refused(save(a=a, x=b), TWO)
    assert "{'a': 4, 'b': 3}" in refused(save(a=a, b=b[:3]), TWO)
    assert "no samples" in refused(save(a=a[:0], b=b[:0]), TWO)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity(save, bad):
    x = np.zeros((5, 1, 4, 4), "f4")
    x[3, 0, 1, 2] = bad
    assert "first in sample 3 at [3, 0, 1, 2]" in refused(save(image=x))


def one(dtype):
    return [{"name": "x", "dtype": dtype, "shape": [1, 2]}]


@pytest.mark.parametrize(
    ("given", "dtype"), [("f8", "f32"), ("u1", "f32"), ("?", "f32"), ("i4", "i64"), ("i8", "u8"), (">f8", "f64")]
)
def test_types_that_convert(save, given, dtype):
    got, _ = data.load_inputs(save(x=np.array([[1, 0]], given)), one(dtype))
    assert got["x"].tolist() == [[1, 0]] and got["x"].dtype == data._DTYPES[dtype]


@pytest.mark.parametrize(
    ("given", "dtype", "why"),
    [
        (np.array([[1.0, 2.0]]), "i64", "got float64, expected int64"),
        (np.array([["a", "b"]]), "f32", "wrong type"),
        (np.array([[1j, 0]]), "f32", "got complex128"),
        (np.array([[-1, 300]]), "u8", "-1 to 300, do not fit"),
        (np.array([[1e300, 0]]), "f32", "1e+300 is too large"),
        (np.array([[1.0, 0]]), "str", "takes text"),
    ],
)
def test_types_that_do_not(save, given, dtype, why):
    assert why in refused(save(x=given), one(dtype))


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/ppc-pwned",))


def test_pickles_are_never_loaded(tmp_path, save):
    np.save(tmp_path / "o.npy", np.array([Evil()], object), allow_pickle=True)
    (tmp_path / "p.npz").write_bytes(pickle.dumps(Evil()))
    with open(tmp_path / "q.npz", "wb") as f:
        np.savez(f, image=np.array([Evil()], object))
    for name in ("o.npy", "p.npz", "q.npz"):
        refused(tmp_path / name)
    assert not Path("/tmp/ppc-pwned").exists()


@pytest.mark.parametrize("keep", [0, 1, 10, 100, 300, 1000])
def test_truncated_files(tmp_path, save, keep):
    whole = save(image=np.zeros((9, 1, 4, 4), "f4"), y=np.zeros(9)).read_bytes()
    (tmp_path / "t.npz").write_bytes(whole[:keep])
    assert "t.npz" in refused(tmp_path / "t.npz")
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((100, 1, 4, 4), "f4"))
    (tmp_path / "t.npy").write_bytes(buffer.getvalue()[:keep])
    refused(tmp_path / "t.npy")


def test_damaged_files(tmp_path, save):
    whole = bytearray(save(image=np.zeros((9, 1, 4, 4), "f4")).read_bytes())
    whole[200] ^= 1  # the checksum of the member does not fit any more
    (tmp_path / "t.npz").write_bytes(whole)
    assert "damaged" in refused(tmp_path / "t.npz")
    (tmp_path / "t.csv").write_text("1,2,3\n")
    assert "no NumPy file" in refused(tmp_path / "t.csv")
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as z:
        z.writestr("image.npy", b"not an array")
    assert "z.npz" in refused(tmp_path / "z.npz")
    assert "does not exist" in refused(tmp_path / "absent.npz")
    assert "cannot be read" in refused(tmp_path)


def test_another_code_for_files_of_the_plan(tmp_path):
    with pytest.raises(PartyError) as e:
        data.read_arrays(tmp_path / "plan.server.npz", "PPC6006")
    assert e.value.code == "PPC6006"


@pytest.mark.parametrize(("samples", "batch"), [(1, 1), (7, 3), (6, 3), (2, 5)])
def test_batches_and_back(samples, batch):
    x = np.arange(samples * 2).reshape(samples, 2)
    inputs = [{"name": n, "dtype": "i64", "shape": [batch, 2]} for n in "xz"]
    parts = list(data.batches({"x": x, "z": -x}, batch, inputs))
    assert len(parts) == data.passes(samples, batch, inputs) and all(p["x"].shape == (batch, 2) for p in parts)
    assert np.array_equal(parts[-1]["x"][-1], x[-1])
    assert np.array_equal(data.unbatch([{"y": p["x"] + p["z"]} for p in parts], samples, inputs)["y"], np.zeros_like(x))
    assert np.array_equal(data.unbatch([{"y": p["x"]} for p in parts], samples, inputs)["y"], x)


def test_samples_that_are_full_sets_of_inputs(save):
    """Layers come first in the state of a recurrent network: no common axis counts samples."""
    inputs = [{"name": "x", "dtype": "f32", "shape": [1, 5]}, {"name": "state", "dtype": "f32", "shape": [2, 1, 3]}]
    x, state = np.arange(35, dtype="f4").reshape(7, 1, 5), np.arange(42, dtype="f4").reshape(7, 2, 1, 3)
    feed, n = data.load_inputs(save(x=x, state=state), inputs)
    parts = list(data.batches(feed, 1, inputs))
    assert n == len(parts) == data.passes(n, 1, inputs) == data.fit(feed, inputs)[1] == 7
    assert all(p["x"].shape == (1, 5) and p["state"].shape == (2, 1, 3) for p in parts)
    assert np.array_equal(data.unbatch([{"state": p["state"]} for p in parts], n, inputs)["state"], state)
    assert "expected Sx1x5" in refused(save(x=x[:, 0], state=state), inputs)
    assert data.load_inputs(save(x=x[0], state=state[0]), inputs)[1] == 1


def test_saving_any_name(tmp_path):
    arrays = {"file": np.arange(3), "a/b": np.ones((2, 2)), "x.1": np.float32(2)}
    data.save_atomic(tmp_path / "out.npz", arrays)
    got = data.read_arrays(tmp_path / "out.npz")
    assert got.keys() == arrays.keys() and all(np.array_equal(got[k], arrays[k]) for k in arrays)
    assert os.listdir(tmp_path) == ["out.npz"]


def full(*_args, **_kw):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["numpy.lib.format.write_array", "os.fsync", "os.replace", "tempfile.mkstemp"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, where):
    path = tmp_path / "out.npz"
    path.write_bytes(b"old")
    monkeypatch.setattr(where, full)
    with pytest.raises(PartyError) as e:
        data.save_atomic(path, {"y": np.zeros(10)})
    assert e.value.code == "PPC6012" and "No space left" in str(e.value)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["out.npz"]


def test_no_such_folder(tmp_path):
    with pytest.raises(PartyError) as e:
        data.save_atomic(tmp_path / "absent" / "out.npz", {"y": np.zeros(1)})
    assert e.value.code == "PPC6012"


@pytest.mark.skipif("PPC_CORPUS" not in os.environ, reason="PPC_CORPUS does not name the corpus folder")
@pytest.mark.parametrize(
    ("file", "name", "dtype", "shape", "n"),
    [
        ("models-public/acasxu_1_1", "input", "f32", [1, 1, 1, 5], 16),
        ("models-public/fastestdet", "input.1", "f32", [1, 3, 352, 352], 4),
        ("models-public/byte_bidi_lstm", "input", "u8", [1, 64], 16),
        ("models-ours/cryptonets_mnist", "input", "f32", [16, 1, 28, 28], 256),
        ("models-ours/ecg_cnn1d", "beat", "f32", [1, 1, 140], 150),
        ("models-bench/w1", "x", "f64", [1, 30], 171),
    ],
)
def test_real_data(file, name, dtype, shape, n):
    path = Path(os.environ["PPC_CORPUS"]) / f"{file}.npz"
    got, count = data.load_inputs(path, [{"name": name, "dtype": dtype, "shape": shape}])
    assert count == n and got[name].shape == (n, *shape[1:])


def test_text(save):
    spec = [{"name": "c", "dtype": "str", "shape": [1, 1]}]
    got, n = data.load_inputs(save(c=np.array([["ä"], ["bb"]])), spec)
    assert n == 2 and got["c"].tolist() == [["ä"], ["bb"]]
    assert data.load_inputs(save(c=np.array([[b"a"]])), spec)[0]["c"].tolist() == [["a"]]
    assert "UTF-8" in refused(save(c=np.array([[b"\xff"]])), spec)
    assert "takes text" in refused(save(c=np.ones((1, 1))), spec)
