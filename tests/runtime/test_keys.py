"""Keys of a deployment: made safely, and refused with a reason where they are not right."""

import errno
import os
import stat

import pytest

from ppc.runtime import keys
from ppc.runtime.errors import PartyError

PARTIES = ["client", "server"]


@pytest.fixture
def folder(tmp_path):
    keys.make_keys(tmp_path / "k", PARTIES)
    return tmp_path / "k"


def refused(folder, party="client", **options):
    with pytest.raises(PartyError) as e:
        keys.load(folder, party, **options)
    assert e.value.code == "PPC6011"
    return str(e.value)


def test_only_the_owner_may_read_keys(folder):
    for key in folder.rglob("key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert sorted(p.name for p in (folder / "client").iterdir()) == ["ca.pem", "cert.pem", "key.pem"]


def test_good_keys_load(folder):
    loaded = keys.load(folder, "client")
    assert loaded.party == "client" and loaded.key == folder / "client" / "key.pem"


def test_existing_keys_are_not_overwritten(folder):
    before = (folder / "client" / "key.pem").read_bytes()
    with pytest.raises(PartyError, match="not overwritten"):
        keys.make_keys(folder, ["client"])
    assert (folder / "client" / "key.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["", "ca", "../up", "A", "a/b", "x" * 64, "a b", "1st"])
def test_names_that_are_none(tmp_path, name):
    with pytest.raises(PartyError) as e:
        keys.make_keys(tmp_path / "k", [name])
    assert e.value.code == "PPC6011" and not (tmp_path / "k").exists()


def test_missing_files(folder):
    (folder / "client" / "key.pem").unlink()
    assert "key.pem is missing" in refused(folder)
    assert "ppc keys" in refused(folder, "dealer")


def test_a_key_that_others_may_read(folder):
    (folder / "client" / "key.pem").chmod(0o644)
    assert "chmod 600" in refused(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_key(folder):
    (folder / "client" / "key.pem").chmod(0)
    assert "cannot be read" in refused(folder)


@pytest.mark.parametrize("name", ["key.pem", "cert.pem", "ca.pem"])
@pytest.mark.parametrize(
    "content", [b"", b"not pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_damaged_files(folder, name, content):
    (folder / "client" / name).write_bytes(content)
    assert name in refused(folder)


def test_another_party_s_certificate(folder):
    for name in ("cert.pem", "key.pem"):
        (folder / "client" / name).write_bytes((folder / "server" / name).read_bytes())
    assert "not of 'client'" in refused(folder)


def test_a_key_that_does_not_belong_to_its_certificate(folder):
    (folder / "client" / "key.pem").write_bytes((folder / "server" / "key.pem").read_bytes())
    assert "does not belong" in refused(folder)


def test_another_authority(folder, tmp_path):
    keys.make_keys(tmp_path / "other", PARTIES)
    (folder / "client" / "ca.pem").write_bytes((tmp_path / "other" / "client" / "ca.pem").read_bytes())
    assert "not signed by" in refused(folder)


def test_expired(tmp_path):
    keys.make_keys(tmp_path / "k", ["client"], days=0)
    assert "expired on" in refused(tmp_path / "k")


def test_passphrase(tmp_path):
    keys.make_keys(tmp_path / "k", PARTIES, passphrase=b"correct horse")
    assert b"ENCRYPTED" in (tmp_path / "k" / "client" / "key.pem").read_bytes()
    assert b"ENCRYPTED" in (tmp_path / "k" / "ca" / "key.pem").read_bytes()
    loaded = keys.load(tmp_path / "k", "client", b"correct horse")
    assert "horse" not in repr(loaded)
    assert "needs a passphrase" in refused(tmp_path / "k")
    assert "passphrase is wrong" in refused(tmp_path / "k", passphrase=b"wrong")


def test_a_passphrase_for_a_key_that_has_none(folder):
    assert "has no passphrase" in refused(folder, passphrase=b"x")


def test_session_keys_are_gone_afterwards():
    with keys.session_keys(PARTIES) as folder:
        assert keys.load(folder, "server").party == "server"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_no_place_to_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PartyError) as e:
        keys.make_keys(tmp_path / "file" / "k", ["client"])
    assert e.value.code == "PPC6012"


def test_a_full_disk_leaves_no_half_a_deployment(tmp_path, monkeypatch):
    write, written = keys._write, []

    def fills(folder, name, content):
        if len(written) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(name)
        write(folder, name, content)

    monkeypatch.setattr(keys, "_write", fills)
    with pytest.raises(PartyError, match="No space left") as e:
        keys.make_keys(tmp_path / "k", PARTIES)
    assert e.value.code == "PPC6012" and list((tmp_path / "k").iterdir()) == []
    monkeypatch.undo()
    keys.make_keys(tmp_path / "k", PARTIES)
