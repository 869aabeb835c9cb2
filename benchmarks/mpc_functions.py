"""The largest error of every non-linear function under MPC over its declared range: docs/mpc-functions.md.

    python -m benchmarks.mpc_functions > docs/mpc-functions.md

Client, server and dealer run each function in threads on fixed-point inputs that cover the range; the reference is the
kernel in float64 on the same inputs.
"""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.parties import Parties
from ppc.runtime import kernels
from ppc.runtime.mpc.ring import decode, encode
from ppc.runtime.mpc.steps import run as run_step
from ppc.runtime.party import Session, Step
from ppc.runtime.ranges import LOGITS, MOST_EXPONENTIALS, ROW_SPREAD
from ppc.runtime.schema import MPC_ATTRIBUTES
from ppc.runtime.value import Value, Weight
from ppc.targets.mpc.functions import FUNCTIONS

Floats = NDArray[np.float64]
RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Sample:
    """Operands of one step: values, then weights of the server."""

    values: tuple[Floats, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    weights: tuple[Floats, ...] = ()
    over: str = ""  # the range, where a variant of the protocol has another one


@dataclass(frozen=True)
class Measured:
    """The largest error, absolutely; and the largest share of what is stated."""

    error: float
    of_stated: float
    rounds: int


def _linear(lo: float, hi: float, n: int = 3000) -> Floats:
    return np.linspace(lo, hi, n)


def _octaves(lo: int, hi: int, n: int = 1500) -> Floats:
    """2^lo .. 2^hi, as many samples in each octave; the upper end left out."""
    found: Floats = 2.0 ** np.linspace(lo, hi, n)
    return np.minimum(found, 2.0**hi - 2.0**-16)


def _signed(x: Floats) -> Floats:
    return np.concatenate([x, -x])


#: Dense where functions bend, and out to the largest value of a plan.
_EVERY = np.concatenate([_linear(-20, 20), _signed(_octaves(-16, 29, 300)), [0.0]])


def _rows(shape: tuple[int, ...], axes: tuple[int, ...]) -> Floats:
    """Normal rows whose deviations go from 2^-6 to 2^8, with means up to as much."""
    kept = [n for a, n in enumerate(shape) if a not in axes]
    deviation = 2.0 ** np.linspace(-6, 7.9, int(np.prod(kept))).reshape(
        [1 if a in axes else n for a, n in enumerate(shape)]
    )
    raw = RNG.normal(size=shape)
    raw = (raw - raw.mean(axis=axes, keepdims=True)) / raw.std(axis=axes, keepdims=True)
    found: Floats = (raw + RNG.uniform(-1, 1, deviation.shape)) * deviation
    return found


_BOUNDED = (
    f"logits from {LOGITS} below a bound up to it, the largest of a row within {ROW_SPREAD} of it; "
    f"at most {MOST_EXPONENTIALS} elements a row"
)
_DIVISORS = _signed(_octaves(-10, 18))
_LOGITS = np.concatenate([RNG.normal(size=(40, 33)) * s for s in (0.1, 1, 5, 30)])
_CHANNELS = (RNG.uniform(0.5, 1, 6), RNG.normal(size=6))

_EVERYWHERE = "Sigmoid Tanh Erf Gelu Swish Softplus Mish Elu Celu Softsign HardSigmoid HardSwish".split()
_WEIGHT = RNG.uniform(0.5, 1, 96)

#: By the label of a row of the document: the operator, and what it is given.
SAMPLES: Mapping[str, tuple[str, Sample]] = {
    **{op: (op, Sample((_EVERY,))) for op in _EVERYWHERE},
    "Selu": ("Selu", Sample((np.clip(_EVERY, 1 - 2**25, 2**25 - 1),))),
    "Gelu (tanh)": ("Gelu", Sample((_EVERY,), {"approximate": "tanh"})),
    "Sin": ("Sin", Sample((_linear(-1023, 1023, 6000),))),
    "Cos": ("Cos", Sample((_linear(-1023, 1023, 6000),))),
    "Exp": ("Exp", Sample((np.concatenate([_linear(-20, 13.999), -_octaves(4, 29, 50)]),))),
    "Log": ("Log", Sample((_octaves(-16, 24),))),
    "Reciprocal": ("Reciprocal", Sample((_DIVISORS,))),
    "Div": ("Div", Sample((np.clip(RNG.normal(size=3000) * 2.0 ** RNG.uniform(-8, 8, 3000), -4000, 4000), _DIVISORS))),
    "Sqrt": ("Sqrt", Sample((np.concatenate([[0.0], _octaves(-16, 20)]),))),
    "Rsqrt": ("Rsqrt", Sample((_octaves(-16, 20),))),
    "Softmax": ("Softmax", Sample((_LOGITS,), {"axis": -1})),
    "Softmax (bounded logits)": (
        "Softmax",
        Sample((np.clip(_LOGITS, -24, 4.99),), {"axis": -1, "below": 5}, over=_BOUNDED),
    ),
    "LogSoftmax": ("LogSoftmax", Sample((_LOGITS,), {"axis": -1})),
    "ReduceLogSumExp": ("ReduceLogSumExp", Sample((_LOGITS,), {"axes": (1,), "keepdims": 0})),
    **{
        f"LayerNormalization ({n} elements)": (
            "LayerNormalization",
            Sample((_rows((64, n), (1,)),), {"axis": -1}, (RNG.uniform(0.5, 1, n), RNG.normal(size=n))),
        )
        for n in (16, 128, 768)
    },
    "InstanceNormalization": ("InstanceNormalization", Sample((_rows((8, 6, 7, 9), (2, 3)),), {}, _CHANNELS)),
    "GroupNormalization": (
        "GroupNormalization",
        Sample((_rows((8, 3, 200), (2,)).reshape(8, 6, 10, 10),), {"num_groups": 3}, _CHANNELS),
    ),
    "MeanVarianceNormalization": (
        "MeanVarianceNormalization",
        Sample((_rows((5, 8, 6, 6), (0, 2, 3)),), {"axes": (0, 2, 3)}),
    ),
    "LRN": ("LRN", Sample((_rows((5, 40, 6, 6), (1, 2, 3)) * 4,), {"size": 5})),
    "LRN (alpha 1)": ("LRN", Sample((_rows((5, 40, 6, 6), (1, 2, 3)),), {"size": 4, "alpha": 1.0, "beta": 0.5})),
    "RMSNormalization": ("RMSNormalization", Sample((_rows((64, 96), (1,)) / 1.5,), {"axis": -1}, (_WEIGHT,))),
}  # fmt: skip


def measure(op: str, sample: Sample, small: bool = False) -> Measured:
    """Run one step, with large tables or `small` ones, and compare it with the kernel."""
    stated = FUNCTIONS[op]
    rings = [encode(v) for v in sample.values]
    exact = [decode(r) for r in rings]
    with np.errstate(over="ignore"):
        attrs = {key: value for key, value in sample.attrs.items() if key not in MPC_ATTRIBUTES}
        expected = np.asarray(kernels.run(op, [*exact, *sample.weights], attrs)[0])
    weights = {f"@w{i}": w for i, w in enumerate(sample.weights)}
    parties = Parties([op], weights)
    chosen = {**sample.attrs, "tables": "small"} if small else sample.attrs
    step = Step(1, f"mpc.{op}", op, op, expected.shape, "f32", chosen)
    masks = [np.frombuffer(secrets.token_bytes(r.nbytes), np.uint64).reshape(r.shape) for r in rings]

    def program(session: Session) -> Any:
        share = {"client": masks, "server": [r - m for r, m in zip(rings, masks, strict=True)]}.get(session.role)
        values = [
            Value("mpc", r.shape, None if share is None else share[i].view(np.int64)) for i, r in enumerate(rings)
        ]
        given = [Weight(n, w.shape, session.weights.get(n)) for n, w in weights.items()]
        return run_step(session, step, *values, *given).data

    parties.prepare(program, 1)
    shares = parties.compute(program)
    got = decode(sum(s.view(np.uint64) for s in shares.values()))
    error = np.abs(got - expected)
    allowed = np.array([stated.allowed(size, small) for size in np.abs(expected).reshape(-1)]).reshape(expected.shape)
    rounds = max(parties.sessions[a].channels[b].rounds for a, b in (("client", "server"), ("server", "client")))
    return Measured(float(error.max()), float((error / allowed).max()), rounds)


HEAD = """# Functions under MPC

Generated by `python -m benchmarks.mpc_functions > docs/mpc-functions.md`; a test compares the declared ranges and
stated errors with the tables of the compiler, and another holds every function to its stated error. *Error* is the
largest one that was measured, absolute; *of stated* is the largest share of what is stated (absolute plus relative
parts). *With small tables*, which the dealer makes where its bytes count, each is measured again. Values outside a
declared range are noticed: docs/decisions/0010-values-outside-a-range.md.

| Function | Declared for | Stated error | Error | Of stated | Messages | With small tables | Of stated | Messages |
|---|---|---|---|---|---|---|---|---|"""


def row(label: str) -> tuple[str, str, str]:
    """The columns that no measurement decides."""
    op, sample = SAMPLES[label]
    stated = FUNCTIONS[op]
    return label, (sample.over or stated.over).replace("|", "\\|"), stated.error


def main() -> int:
    """Print the document; exit code 1 where a function misses what it states."""
    print(HEAD)
    missed = 0
    for label, (op, sample) in SAMPLES.items():
        cells = [*row(label)]
        for small in (False, True):
            found = measure(op, sample, small)
            missed += found.of_stated > 1
            cells += [f"{found.error:.1e}", f"{found.of_stated:.2f}", str(found.rounds)]
        print("| " + " | ".join(cells) + " |")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
