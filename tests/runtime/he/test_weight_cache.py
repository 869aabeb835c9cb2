"""Encoded weights on disk: the same as encoded anew, and taken only when nobody touched them."""

import os

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob, prepare, weight_cache
from ppc.runtime.he.weight_cache import WeightCache


@pytest.fixture
def rows(shallow):
    drawn = np.random.default_rng(0).normal(size=(6, shallow.context.slots))
    drawn[2] = 0
    return drawn[[0, 1, 2, 3, 1, 4, 5]]


def products(context, c, operands, scale):
    return [blob.dump(context.arithmetic.sum_of_products([(c, o)], c.scale * scale)) for o in operands]


def encode(context, rows, cache):
    return prepare.encode_rows(context, rows, 2, 2.0**40, cache)


def test_what_is_read_is_what_was_encoded(shallow, rows, tmp_path):
    context, c = shallow.context, shallow.encrypt(np.ones(4), 2).data[0]
    plain = products(context, c, encode(context, rows, None), 2.0**40)
    cache = WeightCache.in_directory(tmp_path / "deep" / "er")
    for event in ("written", "read"):
        cache.events.clear()
        assert products(context, c, encode(context, rows, cache), 2.0**40) == plain
        assert cache.report() == f"1 {event}"
    (file,) = cache.directory.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600 and cache.directory.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_size == 32 + 6 * 3 * 8192 * 8  # equal rows once


def test_both_ways_read_the_same_file(shallow, rows, tmp_path):
    context, c = shallow.context, shallow.encrypt(np.ones(4), 2).data[0]
    cache, direct = WeightCache.in_directory(tmp_path), context.direct
    plain = products(direct, c, encode(direct, rows, cache), 2.0**40)
    assert products(context, c, encode(context, rows, cache), 2.0**40) == plain
    assert cache.report() == "1 read, 1 written"


@pytest.mark.parametrize("harm", ["cut", "longer", "bit", "tag", "empty", "other", "open", "link", "directory", "pipe"])
def test_a_file_that_was_touched_is_encoded_again(shallow, rows, tmp_path, harm):
    context = shallow.context
    cache = WeightCache.in_directory(tmp_path / "cache")
    encode(context, rows, cache)
    (file,) = cache.directory.iterdir()
    good = file.read_bytes()
    if harm == "open":
        file.chmod(0o644)
    elif harm == "link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif harm == "directory":
        file.unlink()
        file.mkdir()
    elif harm == "pipe":
        file.unlink()
        os.mkfifo(file, 0o600)
    else:
        flipped = bytearray(good)
        flipped[5000 if harm == "bit" else 3] ^= 1
        encode(context, rows[::-1] if harm == "other" else rows, other := WeightCache.in_directory(tmp_path / "b"))
        (foreign,) = other.directory.iterdir()
        bad = {"cut": good[:-1], "longer": good + b"x", "empty": b"", "other": foreign.read_bytes()}
        file.write_bytes(bad.get(harm, bytes(flipped)))
    cache.events.clear()
    again = encode(context, rows, cache)
    assert not any(event == "read" for event in cache.events) and sum(cache.events.values()) == 2
    c = shallow.encrypt(np.ones(4), 2).data[0]
    assert products(context, c, again, 2.0**40) == products(context, c, encode(context, rows, None), 2.0**40)
    if harm != "directory":
        assert file.read_bytes() == good and file.stat().st_mode & 0o777 == 0o600 and not file.is_symlink()


def test_other_weights_and_parameters_have_other_files(shallow, rows, tmp_path, monkeypatch):
    context, cache = shallow.context, WeightCache.in_directory(tmp_path)
    changed = rows.copy()
    changed[0, 0] += 2.0**-50
    keys = {
        weight_cache.key_of(context, rows, 2, 2.0**40),
        weight_cache.key_of(context, changed, 2, 2.0**40),
        weight_cache.key_of(context, rows, 1, 2.0**40),
        weight_cache.key_of(context, rows, 2, 2.0**41),
    }
    monkeypatch.setattr(weight_cache, "version", lambda name: "0.0.0")
    keys.add(weight_cache.key_of(context, rows, 2, 2.0**40))
    assert len(keys) == 5
    assert len({cache._path(key) for key in keys}) == 5


def test_the_size_is_limited(tmp_path):
    block = np.zeros((1, 1, 128), np.uint64)
    size = 32 + block.nbytes
    cache = WeightCache.in_directory(tmp_path, limit=3 * size)
    keys = [bytes([i]) * 32 for i in range(5)]
    for i, key in enumerate(keys):
        cache.store(key, block)
        os.utime(cache._path(key), (i, i))
    assert [cache._path(key).exists() for key in keys] == [False, False, True, True, True]
    assert cache.load(keys[2], block.shape) is not None  # used last
    cache.store(keys[0], block)
    assert [cache._path(key).exists() for key in keys] == [True, False, True, False, True]
    cache.store(bytes(32), np.zeros((4, 1, 128), np.uint64))
    assert cache.events["too large to keep"] == 1 and len(list(tmp_path.iterdir())) == 3


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch):
    cache = WeightCache.in_directory(tmp_path)

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weight_cache.os, "fsync", full)
    cache.store(bytes(32), np.zeros((1, 1, 128), np.uint64))
    assert cache.report() == "1 not written (No space left on device)" and not list(tmp_path.iterdir())


def test_a_directory_that_others_write_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv("PPC_CACHE", raising=False)
    assert WeightCache.from_environment() is None
    monkeypatch.setenv("PPC_CACHE", str(tmp_path / "c"))
    assert WeightCache.from_environment().directory == tmp_path / "c"
    (tmp_path / "c").chmod(0o777)
    with pytest.raises(PartyError, match=r"PPC6013.*others may write"):
        WeightCache.from_environment()
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PPC_CACHE", str(tmp_path / "file"))
    with pytest.raises(PartyError, match="PPC6013"):
        WeightCache.from_environment()
