"""A server's part of a small plan, and what it took: predicted and resident bytes, one line. Run as a script."""

import os
import resource
import sys

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.he import engine, steps
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.he.keys import ClientKeys
from ppc.runtime.he.memory import server_memory
from ppc.runtime.he.schedule import VARIABLE
from ppc.runtime.layout import Layout
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value

N, LEVEL, TERMS = 8192, 2, 480


def resident():
    """Now, not at the peak: the kernel's count of resident pages."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main(threads):
    layout = Layout.dense(N // 2, N // 2).to_json()
    flat = {f"{at}layout_{part}": v for at in ("in_", "out_", "") for part, v in layout.items()}
    terms = [[0, o, b, 8 * g] for o in range(8) for g in range(6) for b in range(10)]
    assert len(terms) == TERMS
    prime_bits, scale = [50, 50, 50, 50], 2.0**50
    common = {"op": "", "node": "n", "dtype": "f32", "shape": [N // 2], "shapes": [[N // 2]]}
    linear = flat | {"level": LEVEL, "out_level": LEVEL - 1, "terms": terms, "post": [], "diagonals": "d", "bias": "b"}
    manifest = {
        "he": {
            "degree": N,
            "prime_bits": prime_bits,
            "top_level": LEVEL,
            "galois": {str(LEVEL): [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 24, 32, 40]},
            "relin": [],
            "security_bits": 128,
        },
        "weights": {"d": {"shape": [TERMS, N // 2]}, "b": {"shape": [8, N // 2]}},
        "steps": [
            common
            | {"id": 1, "step": "convert.client_to_he", "operands": ["x"], "results": ["h"]}
            | {"attrs": flat | {"level": LEVEL, "scale": scale}},
            common | {"id": 2, "step": "he.linear", "operands": ["h", "d", "b"], "results": ["y"], "attrs": linear},
        ],
    }
    a, b = pair("client", "server")
    client, server = Session("client", manifest, {"server": a}), Session("server", manifest, {"client": b})
    context = Context(Parameters.from_json(manifest["he"]))
    prime = context.chain.primes[LEVEL]
    linear |= {"weight_scale": float(prime), "scale": scale}
    rng = np.random.default_rng(0)
    keys = ClientKeys(context)
    for i, key in enumerate(keys.evaluation_blobs()):
        client.channel("server").send_bytes(f"he.setup.{i}", key)
    before = resident()
    server.weights = {"d": rng.normal(size=(TERMS, N // 2)), "b": rng.normal(size=(8, N // 2))}
    os.environ[VARIABLE] = str(threads)
    engine.setup(server)
    held = server.engines["he"]
    c = seal.Ciphertext()
    held.keys.encryptor.encrypt(context.encode(0.5, LEVEL, scale), c)
    step = Step.from_json(manifest["steps"][1])
    weights = [server.weight(name) for name in ("d", "b")]
    for _ in range(2):
        steps.linear(server, step, Value("he", step.shape, [c]), *weights)
    print(server_memory(manifest, threads).total, resident() - before)


if __name__ == "__main__":
    main(int(sys.argv[1]))
