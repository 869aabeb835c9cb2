"""Material on a party's disk: used once, sealed, and every fault of a file is a coded error."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc import stock as stocks
from ppc.runtime.mpc import stored
from ppc.runtime.mpc.lot import Offer, Outline
from ppc.runtime.mpc.material import Row
from ppc.runtime.mpc.stock import Stock
from ppc.runtime.mpc.stored import StoredLot
from ppc.runtime.mpc.weights import WeightForm

PLAN = "sha256:" + "ab" * 32
KEY, CHAIN, WEIGHTS = bytes(range(32)), bytes([1] * 32), bytes([2] * 32)
LOT = "0" * 31 + "1"
OUTLINE = Outline(
    {1: [Row("random", "uint64", (3,)), Row("share", "uint16", (2, 2))], 2: [], 4: [Row("share", "bit", (9,))]},
    {1: [WeightForm(("w",), "plain", (1.0,), (2, 2))], 2: [], 4: []},
)
RUNS = 4


def shipped(number: int) -> dict[int, Any]:
    return {1: (np.full((2, 2), number, np.uint16),), 2: (), 4: (np.arange(2, dtype=np.uint8) + number,)}


def stock(folder: Path, role: str = "server", plan: str = PLAN, key: bytes = KEY) -> Stock:
    return Stock(folder / role, role, plan, key)


def filled(folder: Path, role: str = "server", runs: int = RUNS, lot: str = LOT, finish: bool = True) -> Stock:
    there = stock(folder, role)
    made = there.create(Offer(lot, runs, CHAIN, WEIGHTS if role == "server" else b""), OUTLINE)
    for number in range(runs):
        made.put(number, shipped(number) if role == "server" else {1: (), 2: (), 4: ()})
    if finish:
        made.finish()
    return there


def only(there: Stock) -> StoredLot:
    (lot,) = there.lots().values()
    return lot


def refused(code: str, act: Callable[[], Any]) -> str:
    with pytest.raises(PartyError) as caught:
        act()
    assert caught.value.code == code, caught.value
    return str(caught.value)


def test_what_was_stored_comes_back(tmp_path: Path) -> None:
    lot = only(filled(tmp_path))
    assert lot.outline == OUTLINE and lot.weights_key == WEIGHTS and lot.ready() == RUNS
    lot.reserve(1, 2)
    keys = set()
    for number in (1, 2):
        key, found = lot.load(number)
        keys.add(key)
        np.testing.assert_array_equal(found[1][0], shipped(number)[1][0])
        np.testing.assert_array_equal(found[4][0], shipped(number)[4][0])
    assert len(keys) == 2


def test_both_parties_derive_the_keys_that_the_dealer_used(tmp_path: Path) -> None:
    """From their own chains, wherever the session begins."""
    one, other = only(filled(tmp_path)), only(filled(tmp_path, "client"))
    one.reserve(2, 1)
    assert other.load(2)[0] == one.load(2)[0]  # the test gives both the same chain


def test_the_counter_is_on_the_disk_before_a_pass_is_used(tmp_path: Path) -> None:
    there = filled(tmp_path)
    only(there).reserve(0, 3)
    assert only(there).next == 3  # read again, as after a crash
    with pytest.raises(ValueError, match="gone"):
        only(there).load(2)


def test_a_crash_while_the_counter_is_written_leaves_the_old_one(tmp_path: Path, monkeypatch: Any) -> None:
    there = filled(tmp_path)
    lot = only(there)

    def crash(*a: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        lot.reserve(0, 3)
    monkeypatch.undo()
    assert only(there).next == 0 and sorted(f.name for f in lot.folder.iterdir()) == [
        "complete",
        "outline",
        "passes",
        "state",
    ]


def test_the_state_opens_no_pass_that_was_used(tmp_path: Path) -> None:
    """Who takes the disk later, and the key with it, finds the next chain key and none before it."""
    there = filled(tmp_path)
    only(there).reserve(0, 3)
    lot = only(there)
    assert lot._keys.at == 3 and lot._keys.key != CHAIN
    lot._keys.at = 0  # as if the counter were set back without its key
    refused("PPC6014", lambda: lot.load(0))


def test_a_lot_that_is_used_up_is_deleted(tmp_path: Path) -> None:
    there = filled(tmp_path)
    only(there).reserve(0, RUNS)
    assert there.lots() == {} and not list((tmp_path / "server").iterdir())


def test_nothing_is_in_clear(tmp_path: Path) -> None:
    filled(tmp_path, runs=1)
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    everything = b"".join(f.read_bytes() for f in files)
    assert len(files) == 4
    for secret in (CHAIN, WEIGHTS, shipped(0)[1][0].tobytes(), CHAIN.hex().encode(), WEIGHTS.hex().encode()):
        assert secret not in everything
    assert all(f.stat().st_mode & 0o077 == 0 for f in [*files, tmp_path / "server" / LOT])
    assert CHAIN.hex() not in repr(stock(tmp_path)) + repr(only(stock(tmp_path)))


@pytest.mark.parametrize("name", ["state", "outline", "complete", "passes"])
def test_a_damaged_byte_is_noticed_wherever_it_is(tmp_path: Path, name: str) -> None:
    there = filled(tmp_path, runs=2)
    file = tmp_path / "server" / LOT / name
    good = file.read_bytes()

    def use() -> None:
        lot = only(there)
        lot.ready()
        for number in range(2):
            lot.load(number)

    use()
    for at in range(0, len(good), 3):
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(PartyError) as caught:
            use()
        assert caught.value.code in ("PPC6014", "PPC6015"), at  # the header in clear says whose file it is
    file.write_bytes(good)
    use()


@pytest.mark.parametrize("name", ["state", "outline", "complete", "passes"])
@pytest.mark.parametrize("keep", [0, 3, -1])
def test_every_truncated_file_is_noticed(tmp_path: Path, name: str, keep: int) -> None:
    there = filled(tmp_path)
    file = tmp_path / "server" / LOT / name
    file.write_bytes(file.read_bytes()[:keep])
    assert name in refused("PPC6014", lambda: only(there).ready())


def test_a_file_that_grew_or_is_missing_is_noticed(tmp_path: Path) -> None:
    there = filled(tmp_path)
    with open(tmp_path / "server" / LOT / "passes", "ab") as file:
        file.write(b"x")
    refused("PPC6014", lambda: only(there).ready())
    (tmp_path / "server" / LOT / "state").unlink()
    refused("PPC6014", there.lots)


def test_passes_cannot_be_swapped(tmp_path: Path) -> None:
    there = filled(tmp_path, runs=2)
    file = tmp_path / "server" / LOT / "passes"
    raw = file.read_bytes()
    file.write_bytes(raw[len(raw) // 2 :] + raw[: len(raw) // 2])
    refused("PPC6014", lambda: only(there).load(0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"plan": "sha256:" + "cd" * 32}, "another plan"),
        ({"key": bytes(32)}, "another key"),
        ({"role": "client"}, "another party"),
    ],
)
def test_material_of_another_is_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    filled(tmp_path)
    if "role" in options:
        shutil.move(tmp_path / "server", tmp_path / "client")
    assert said in refused("PPC6015", stock(tmp_path, **options).lots)


def test_a_lot_under_another_name_is_refused(tmp_path: Path) -> None:
    """A second copy of a lot would be used a second time."""
    there = filled(tmp_path)
    shutil.copytree(tmp_path / "server" / LOT, tmp_path / "server" / ("f" * 32))
    assert list(there.lots()) == [LOT]
    refused("PPC6009", lambda: filled(tmp_path))
    shutil.rmtree(tmp_path / "server" / LOT)
    refused("PPC6015", there.lots)


def test_lots_of_another_plan_are_left_alone_where_there_are_own_ones(tmp_path: Path) -> None:
    """As after compiling again and dealing into the same folder."""
    filled(tmp_path)
    later = stock(tmp_path, plan="sha256:" + "cd" * 32)
    later.create(Offer("1" * 32, RUNS, CHAIN, WEIGHTS), OUTLINE)
    assert list(later.lots()) == ["1" * 32] and list(stock(tmp_path).lots()) == [LOT]


def test_a_full_disk_keeps_the_passes_before(tmp_path: Path, monkeypatch: Any) -> None:
    there = stock(tmp_path)
    made = there.create(Offer(LOT, RUNS, CHAIN, WEIGHTS), OUTLINE)
    made.put(0, shipped(0))
    written = os.pwrite

    def full(fd: int, data: Any, at: int) -> int:
        written(fd, data[:3], at)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(stored.os, "pwrite", full)
    text = refused("PPC6012", lambda: made.put(1, shipped(1)))
    assert "No space left" in text and "1 of 4 passes" in text and "bytes more" in text
    monkeypatch.undo()
    lot = only(there)
    assert lot.ready() == 1
    lot.reserve(0, 1)
    np.testing.assert_array_equal(lot.load(0)[1][1][0], shipped(0)[1][0])


@pytest.mark.parametrize("moment", ["lot", "counter"])
def test_a_disk_that_cannot_be_written(tmp_path: Path, monkeypatch: Any, moment: str) -> None:
    lot = only(filled(tmp_path)) if moment == "counter" else None

    def full(*a: Any, **k: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("ppc.runtime.files.tempfile.mkstemp", full)
    refused("PPC6012", (lambda: lot.reserve(0, 1)) if lot else (lambda: filled(tmp_path)))
    monkeypatch.undo()
    assert len(stock(tmp_path).lots()) == (1 if lot else 0)  # no half of a lot


def test_a_lot_that_was_never_finished_gives_what_is_whole(tmp_path: Path) -> None:
    there = filled(tmp_path, finish=False)
    file = tmp_path / "server" / LOT / "passes"
    file.write_bytes(file.read_bytes()[:-1])
    assert only(there).ready() == RUNS - 1


def test_a_step_of_several_segments(tmp_path: Path, monkeypatch: Any) -> None:
    """One call of AES-GCM takes less than 2^31 bytes."""
    monkeypatch.setattr(stored, "_SEGMENT", 5)
    lot = only(filled(tmp_path))
    assert lot.ready() == RUNS
    np.testing.assert_array_equal(lot.load(3)[1][1][0], shipped(3)[1][0])


def test_two_sessions_do_not_take_at_the_same_time(tmp_path: Path, monkeypatch: Any) -> None:
    there = filled(tmp_path)
    monkeypatch.setattr(stocks, "PATIENCE", 0.1)
    with there.lock():
        refused("PPC6015", lambda: stock(tmp_path).lock().__enter__())
    with stock(tmp_path).lock():
        pass


def test_masked_weights_lie_sealed_beside_the_passes(tmp_path: Path) -> None:
    """Where neither holder knows the weights, a lot has them under their masks."""
    there = stock(tmp_path)
    made = there.create(Offer(LOT, 1, CHAIN, WEIGHTS), OUTLINE)
    masked = np.arange(4, dtype=np.uint64).reshape(2, 2) + np.uint64(1 << 63)
    made.put_weights({1: [masked], 2: [], 4: []})
    made.put(0, shipped(0))
    made.finish()
    found = only(there).masked()
    assert found.keys() == {1, 2, 4} and np.array_equal(found[1][0], masked)
    file = made.folder / "weight.1.0"
    assert masked.tobytes() not in file.read_bytes()
    whole = file.read_bytes()
    for wrong in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        file.write_bytes(wrong)
        refused("PPC6014", lambda: only(there).masked())
    file.unlink()
    refused("PPC6014", lambda: only(there).masked())
