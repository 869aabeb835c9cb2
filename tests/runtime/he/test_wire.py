"""What crosses the wire: keys, ciphertexts, and what is refused."""

import os
import pickle
import struct

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob, evaluator, keys, limbs, wire
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.layout import Layout

GOOD = {
    "degree": 8192,
    "prime_bits": [58, 50, 50, 58],
    "top_level": 2,
    "galois": {"2": [1, 8], "1": [8, -1]},
    "relin": [2],
    "security_bits": 128,
}


@pytest.mark.parametrize(
    "change,reason",
    [
        ({"prime_bits": [58, 58, 58, 58]}, "128 bits of security: 232"),
        ({"security_bits": 80}, "128 bits"),
        ({"degree": 8191}, "degree 8191"),
        ({"degree": 65536}, "degree 65536"),
        ({"top_level": 3}, "top level 3"),
        ({"prime_bits": [58, 61, 40, 58]}, "refuses|do not exist"),
        ({"prime_bits": [58, 8, 50, 58]}, "do not exist"),
        ({"galois": None}, "cannot be read"),
        ({"degree": "x"}, "cannot be read"),
    ],
)
def test_bad_parameters_are_refused(change, reason):
    with pytest.raises(PartyError, match=f"PPC6006(.|\n)*({reason})"):
        Context(Parameters.from_json(GOOD | change))


def test_galois_steps_become_elements():
    context = Context(Parameters.from_json(GOOD))
    assert context.parameters.galois == {2: (1, 8), 1: (8, 4095)}
    assert keys.galois_elements(context, (1, 8, 4095)) == [3, pow(3, 8, 16384), pow(3, 4095, 16384)]


def test_secret_key_is_hidden_and_not_at_the_server(shallow):
    client, server = shallow.client.engines["he"], shallow.server.engines["he"]
    assert repr(client.keys) == "ClientKeys(...)"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(client.keys)
    assert not hasattr(client.keys, "__dict__") and not hasattr(server.keys, "__dict__")
    assert set(keys.ServerKeys.__slots__) == {"encryptor", "galois", "relin"}
    kinds = {type(getattr(server.keys, name)).__name__ for name in keys.ServerKeys.__slots__}
    assert kinds == {"Encryptor", "dict"}
    assert {type(k).__name__ for level in server.keys.galois.values() for k in level.values()} == {"GaloisKeys"}
    assert {type(k).__name__ for k in server.keys.relin.values()} == {"RelinKeys"}
    import tenseal.sealapi as seal

    plaintext = server.context.encode(1.0, 0, 2.0**20)
    with pytest.raises(RuntimeError, match="secret key is not set"):
        server.keys.encryptor.encrypt_symmetric(plaintext, seal.Ciphertext())


def test_key_upload_is_seeded_and_bounded(shallow):
    context = shallow.context
    blobs = list(shallow.client.engines["he"].keys.evaluation_blobs())
    limits = keys.key_limits(context)
    assert all(0.4 * limit < len(b) <= limit for b, limit in zip(blobs, limits, strict=True))
    full = 2 * 8 * context.degree * 4 * 3
    assert len(blobs[1]) < 0.55 * full
    keys.ServerKeys.load(context, blobs)
    with pytest.raises(PartyError, match=r"PPC6003.*relinearisation key"):
        keys.ServerKeys.load(context, [blobs[0], blobs[1][:1000], *blobs[2:]])
    with pytest.raises(PartyError, match=r"PPC6003.*Galois key"):
        keys.ServerKeys.load(context, [*blobs[:2], blobs[1], blobs[3]])
    with pytest.raises(PartyError, match=r"PPC6003.*rotations by"):
        keys.ServerKeys.load(context, [*blobs[:2], blobs[3], blobs[2]])
    with pytest.raises(PartyError, match=r"PPC6003.*public key"):
        keys.ServerKeys.load(context, [os.urandom(1000), *blobs[1:]])


def fresh(two, level=2):
    context, client = two.context, two.client.engines["he"]
    return client.keys.encrypt(context.encode(np.arange(context.slots) / 100.0, level, two.scale))


def test_ciphertexts_are_seeded(shallow):
    b = fresh(shallow)
    assert len(b) < 8 * 8192 * 3 * 1.02
    c = wire.check_ciphertext(b, shallow.context, 2, shallow.scale)
    assert c.size() == 2


def test_malformed_ciphertexts_are_refused(shallow):
    context = shallow.context
    good = fresh(shallow)
    rng = np.random.default_rng(0)
    bad = [b"", good[:15], good[: len(good) // 2], os.urandom(len(good)), good[:16] + os.urandom(len(good) - 16)]
    bad.append(struct.pack("<HBBBBHQ", 0xA15E, 0x10, 4, 0, 2, 0, 1 << 62) + good[16:])
    for _ in range(60):
        at = int(rng.integers(16, len(good)))
        bad.append(good[:at] + bytes([good[at] ^ (1 << int(rng.integers(8)))]) + good[at + 1 :])
    refused = 0
    for b in bad:
        try:
            wire.check_ciphertext(b, context, 2, shallow.scale)
        except PartyError as e:
            assert e.code == "PPC6003"
            refused += 1
    assert refused >= 6  # a flipped bit of a residue may give another valid ciphertext


def test_other_levels_scales_forms_and_transparent_ciphertexts_are_refused(shallow):
    context = shallow.context
    good = wire.check_ciphertext(fresh(shallow), context, 2, shallow.scale)
    residues = limbs.ciphertext_residues(good)

    def refuse(b, match, level=2, scale=shallow.scale):
        with pytest.raises(PartyError, match=rf"PPC6003.*{match}"):
            wire.check_ciphertext(b, context, level, scale)

    refuse(blob.dump(good), "not at level 1", level=1)
    refuse(blob.dump(good), "scale", scale=2.0**49)
    make = limbs.make_ciphertext
    refuse(blob.dump(make(context, 2, residues, float("nan"))), "scale|does not belong|cannot be read")
    refuse(blob.dump(make(context, 2, residues, shallow.scale, ntt=False)), "does not belong")
    three = np.concatenate([residues, residues[:1]])
    refuse(blob.dump(make(context, 2, three, shallow.scale)), "does not belong")
    clear = residues.copy()
    clear[1] = 0
    refuse(blob.dump(make(context, 2, clear, shallow.scale)), "hides nothing")
    too_large = residues.copy()
    too_large[0, 0, 5] = context.chain.primes[0]
    with pytest.raises(blob.SEAL_ERRORS):
        make(context, 2, too_large, 1.0)


def test_messages_of_blobs_are_split_strictly():
    message = blob.join([b"abc", b"", b"defgh"])
    assert blob.split(message, 3, 5) == [b"abc", b"", b"defgh"]
    bad = [
        (message, 2, 5),
        (message, 3, 4),
        (message + b"x", 3, 5),
        (message[:-1], 3, 5),
        (message[:9], 3, 5),
        (b"", 0, 5),
    ]
    for m, count, limit in bad:
        with pytest.raises(PartyError, match="PPC6003"):
            blob.split(m, count, limit)


def test_a_message_beyond_its_limit_is_refused(shallow, make):
    from ppc.runtime.convert import he as exits
    from ppc.runtime.value import Value

    layout = Layout.dense(4, shallow.context.slots)
    step = make.step("convert.client_to_he", (4,), id=900, level=1, scale=shallow.scale, layout=layout.to_json())
    shallow.client.channel("server").send_bytes("0.900.he", bytes(10**6))
    with pytest.raises(PartyError, match=r"PPC6003.*at most"):
        exits.client_to_he(shallow.server, step, Value("client", (4,)))


def test_residues_are_read_the_same_both_ways(shallow, monkeypatch):
    context = shallow.context
    c = wire.check_ciphertext(fresh(shallow, 1), context, 1, shallow.scale)
    p = context.encode(np.arange(context.slots) / 7.0, 1, 2.0**30)
    fast = limbs.ciphertext_residues(c), limbs.plaintext_residues(p, context)
    monkeypatch.setenv(evaluator.SWITCH, "0")
    official = limbs.ciphertext_residues(c), limbs.plaintext_residues(p, context)
    for a, b in zip(fast, official, strict=True):
        assert a.shape == b.shape and (a == b).all()


def test_limbs_write_and_transform_round_trip(shallow):
    context = shallow.context
    c = wire.check_ciphertext(fresh(shallow, 1), context, 1, shallow.scale)
    residues = limbs.ciphertext_residues(c)
    again = limbs.make_ciphertext(context, 1, residues, c.scale)
    assert np.abs(shallow.decrypt(again) - np.arange(context.slots) / 100).max() < 1e-6
    many = np.concatenate([residues, residues[:1], np.zeros_like(residues[:1])])
    coefficients = limbs.to_coefficients(context, 1, many)
    assert (limbs.to_ntt(context, 1, coefficients) == many).all()
    x = np.arange(context.slots) / 7.0
    p = context.encode(x, 1, 2.0**40)
    q = limbs.make_plaintext(context, 1, limbs.plaintext_residues(p, context), p.scale)
    assert np.abs(np.array(context.encoder.decode_double(q)) - x).max() < 1e-6


def test_blobs_without_memory_files(shallow, monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    b = fresh(shallow, 0)
    c = wire.check_ciphertext(b, shallow.context, 0, shallow.scale)
    assert len(blob.dump(c)) > len(b)


def test_a_missing_library_is_named():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['tenseal'] = None\n"
        "try:\n    import ppc.runtime.he.engine\n"
        "except Exception as e:\n    sys.exit(0 if getattr(e, 'code', '') == 'PPC6007' else 1)\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
