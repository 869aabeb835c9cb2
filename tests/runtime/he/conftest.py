"""A client and a server in two threads, over memory channels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from he_run import at_once

from ppc.runtime.convert import he as exits
from ppc.runtime.he import engine
from ppc.runtime.layout import Layout
from ppc.runtime.levels import Chain
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight


def make_step(name: str, shape: tuple[int, ...], id: int = 1, run: int = 0, **attrs: Any) -> Step:
    return Step.from_json(line(name, shape, id, attrs), run)


def line(name: str, shape: tuple[int, ...], id: int, attrs: dict[str, Any]) -> dict[str, Any]:
    """A step as plan.json has it; layouts among the attributes are written out."""
    flat = dict(attrs)
    for key, value in attrs.items():
        if key.endswith("layout"):
            flat |= {f"{key}_{part}": v for part, v in value.items()}
    common = {"id": id, "step": name, "op": "", "node": "node", "dtype": "f32", "attrs": flat}
    return common | {"shape": list(shape), "shapes": [list(shape)]}


def scaled(chain: Chain, fresh: float, name: str, attrs: dict[str, Any], operands: tuple[Value, ...]) -> dict[str, Any]:
    """Attributes with the exact scales that a step has on these operands, where `attrs` does not say otherwise.

    What gives its result any scale (an encryption, a polynomial) gives it `fresh`; a linear map that rescales gives
    back the scale it reads.
    """
    read = [v.data[0].scale if isinstance(v.data, list) else v.scale for v in operands]
    prime = chain.primes[attrs["level"]] if "level" in attrs else None
    if name == "he.linear":
        attrs = {"out_level": attrs["level"] - 1, **attrs}
        rescale = prime if attrs["out_level"] < attrs["level"] else 1
        attrs = {"weight_scale": float(prime), **attrs}
        found = (read[0] if read else fresh) * attrs["weight_scale"] / rescale
    elif name in ("he.mul", "he.square"):
        found = read[0] * read[-1] / prime
    elif name in ("he.add", "he.sub"):
        found = max(read)
    else:
        found = read[0] if read and name != "he.polynomial" else fresh
    return {"scale": found, **attrs}


@dataclass
class Two:
    """Both parties after set-up; `scale`: of what is encrypted, unless a test says otherwise."""

    client: Session
    server: Session
    scale: float

    @property
    def context(self) -> Any:
        return self.client.engines["he"].context

    def step(
        self, name: str, shape: tuple[int, ...], *operands: Value, id: int = 1, run: int = 0, **attrs: Any
    ) -> Step:
        """A step on these operands, with its scales."""
        return make_step(name, shape, id, run, **scaled(self.context.chain, self.scale, name, attrs, operands))

    def decrypt(self, ciphertext: Any) -> np.ndarray[Any, Any]:
        """Slots of a ciphertext."""
        plaintext = self.client.engines["he"].keys.decrypt(ciphertext)
        return np.array(self.context.encoder.decode_double(plaintext))

    def run(self, function: Any, step: Step, client: tuple[Any, ...], server: tuple[Any, ...]) -> list[Value]:
        return at_once(lambda: function(self.client, step, *client), lambda: function(self.server, step, *server))

    def encrypt(
        self, x: np.ndarray[Any, Any], level: int, layout: Layout | None = None, scale: float | None = None
    ) -> Value:
        """What the server holds after the client encrypted x."""
        layout, scale = layout or Layout.dense(x.size, self.context.slots), scale or self.scale
        step = make_step("convert.client_to_he", x.shape, level=level, scale=scale, layout=layout.to_json())
        return self.run(exits.client_to_he, step, (Value("client", x.shape, x),), (Value("client", x.shape),))[1]


def weight(data: np.ndarray[Any, Any]) -> Weight:
    return Weight("w", data.shape, data)


def start(degree: int, bits: list[int], scale_bits: float, galois: list[int]) -> Two:
    """Both parties with these parameters, the same keys at every level; 2^scale_bits is their fresh scale."""
    parameters = {
        "degree": degree,
        "prime_bits": bits,
        "top_level": len(bits) - 2,
        "galois": {str(level): galois for level in range(1, len(bits) - 1)},
        "relin": list(range(1, len(bits) - 1)),
        "security_bits": 128,
    }
    manifest = {"he": parameters, "weights": {}, "steps": []}
    a, b = pair("client", "server")
    two = Two(Session("client", manifest, {"server": a}), Session("server", manifest, {"client": b}), 2.0**scale_bits)
    at_once(lambda: engine.setup(two.client), lambda: engine.setup(two.server))
    return two


@pytest.fixture(scope="session")
def shallow() -> Two:
    """N = 8192, three levels."""
    return start(8192, [58, 50, 50, 58], 50, [1, 2, 3, 8, 64])


@pytest.fixture(scope="session")
def deep() -> Two:
    """N = 16384, six levels and the bottom one."""
    return start(16384, [57, 47, 47, 47, 47, 47, 47, 57], 47, [1])


class Make:
    """Builders, as a fixture: test files cannot import one another."""

    step = staticmethod(make_step)
    line = staticmethod(line)
    weight = staticmethod(weight)
    start = staticmethod(start)
    at_once = staticmethod(at_once)


@pytest.fixture(scope="session")
def make() -> type[Make]:
    return Make
