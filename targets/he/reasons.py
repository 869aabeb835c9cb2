"""Why HE cannot run an operator: the text of a why-not, one row an operator or a kind of operators."""

from math import prod

import numpy as np

from ppc.ir.module import Module, Op
from ppc.targets.he.alike import smaller
from ppc.targets.he.graph import PAIRS, nodes_of, polynomial
from ppc.targets.he.maps import LINEAR, VIEWS
from ppc.targets.he.sample import Refusal, Samples
from ppc.targets.numbers import too_large

COMPARES = "needs comparisons, which CKKS does not have; a policy with mpc or tee lets it run there"
SMOOTH = "is not polynomial; HE runs it only where the approximation pass put a Polynomial in its place"
COMPOUND = "divides by a sum over encrypted values, which is not polynomial; mpc or tee can run it"
INDEXES = "picks elements by an encrypted index or order, which CKKS cannot; mpc or tee can run it"
RECURRENT = "is a recurrence of non-polynomial gates, deeper than any ring has levels; mpc or tee can run it"

TIES = (
    "picks values that are compared with thresholds, which trees have a unit in the last place beside numbers that "
    "occur: the noise of CKKS would decide; mpc or tee can run it"
)
COMPARISONS = frozenset(("Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal"))

REASONS: dict[str, str] = {
    **dict.fromkeys(("MaxPool", "GlobalMaxPool", "Max", "Min", "ReduceMax", "ReduceMin"), COMPARES),
    **dict.fromkeys((*sorted(COMPARISONS), "Where", "Abs", "Sign"), COMPARES),
    **dict.fromkeys(("Floor", "Ceil", "Round", "Not", "And", "Or"), COMPARES),
    **dict.fromkeys(("Relu", "LeakyRelu", "PRelu", "Elu", "Clip", "HardSigmoid", "HardSwish"), SMOOTH),
    **dict.fromkeys(
        ("Sigmoid", "Tanh", "Erf", "Gelu", "Exp", "Log", "Softplus", "Sqrt", "Rsqrt", "Reciprocal", "Pow"), SMOOTH
    ),
    **dict.fromkeys(("Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization"), COMPOUND),
    **dict.fromkeys(("GroupNormalization", "RMSNormalization", "MeanVarianceNormalization"), COMPOUND),
    **dict.fromkeys(("LRN", "LpNormalization"), COMPOUND),
    **dict.fromkeys(("ArgMax", "ArgMin", "TopK", "Gather", "GatherElements", "OneHot", "Scan", "Loop"), INDEXES),
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor"), INDEXES),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), RECURRENT),
}

#: Structural non-zeros of one sample's map beyond which lowering would take minutes and gigabytes of diagonals.
MOST_ENTRIES = 1 << 23
#: Degree beyond which a Chebyshev polynomial needs more levels than any ring has.
MOST_DEGREE = 4095

#: No scale leaves room for larger numbers (the -3.4e38 of an attention mask, an infinity).
LARGEST = 2.0**64


def refusal(op: Op, module: Module) -> str | None:
    """Why HE cannot run `op`, or None where it can. Where nothing cheaper refuses, its map is built to see."""
    samples = Samples(module)
    secrets = samples.secrets(op)
    if "coefficients" in op.attrs:
        degree = len(polynomial(op)[0]) - 1
        if degree > MOST_DEGREE:
            return f"its polynomial has degree {degree}, HE takes up to {MOST_DEGREE}"
        return _not_in_samples(op, samples)
    if op.name not in LINEAR and op.name not in VIEWS and op.name not in PAIRS and op.name != "Concat":
        return f"{op.name} {REASONS.get(op.name, 'has no lowering to HE; mpc or tee may have one')}"
    if len(op.results) != 1:
        return f"{op.name} has {len(op.results)} results; HE lowers operators with one"
    if not secrets:
        return f"{op.name} reads no encrypted value"
    distinct = len(op.operands) if op.name == "Concat" else 2
    if len(secrets) > distinct or (len(secrets) == 2 and op.name not in PAIRS and op.name != "Concat"):
        return f"{op.name} multiplies encrypted operands with one another, which is not lowered; mpc or tee can run it"
    if op.name == "Sum" and len(op.operands) != 2:
        return f"Sum of {len(op.operands)} operands is lowered only as a chain of Add"
    kinds = {module.type_of(name).dtype for name in (*secrets, *op.results)}
    if not kinds <= {"f16", "f32", "f64"}:
        return f"{op.name} computes on {', '.join(sorted(kinds))}; CKKS computes on real numbers, without exactness"
    if not all(module.type_of(name).size for name in (*secrets, *op.results)):
        return f"{op.name} reads or makes a tensor without elements"
    if (wrong := too_large(op, module, LARGEST)) is not None:
        return f"{op.name} has a constant of {wrong:.3g}, which no ciphertext holds"
    try:
        count = entry_count(op, samples)
        if count <= MOST_ENTRIES:
            small = smaller(op, module, count)
            nodes_of(small.op, Samples(small.module))
    except Refusal as found:
        return f"{op.name}: {found}"
    if count > MOST_ENTRIES:
        return (
            f"{op.name} has {count:,} multiplications a sample; HE lowers up to {MOST_ENTRIES:,}; mpc or tee can run it"
        )
    return None


def _not_in_samples(op: Op, samples: Samples) -> str | None:
    """Why a result has no whole number of elements a sample; None where it has."""
    try:
        samples.shape(op.results[0])
    except Refusal as found:
        return f"{op.name}: {found}"
    return None


def selects(op: Op, module: Module) -> bool:
    """Is `op` a product with a matrix of at most one number a column, as where trees look at features?"""
    matrix = module.constants.get(op.operands[1]) if op.name in ("Gemm", "MatMul") and len(op.operands) == 2 else None
    if matrix is None or len(matrix.type.shape) != 2 or op.attrs.get("transA") or op.attrs.get("transB"):
        return False
    return bool((np.count_nonzero(np.asarray(matrix.data), axis=0) <= 1).all())


def judged_values(op: Op, module: Module) -> tuple[str, ...]:
    """Hashes of the constants whose values may refuse `op`, beside its shapes: of divisors, which may hold a zero."""
    return tuple(module.constants[o].sha256 for o in op.operands if op.name == "Div" and o.startswith("@"))


def entry_count(op: Op, samples: Samples) -> int:
    """Upper bound of the structural non-zeros of one sample's map, from shapes."""
    out = samples.size(op.results[0])
    shapes = [samples.module.constants[o].type.shape for o in op.operands if samples.is_constant(o)]
    if op.name == "Conv" and shapes:
        return out * prod(shapes[0][1:])
    if op.name in ("Gemm", "MatMul") and shapes and len(shapes[0]) >= 1:
        inner = samples.shape(op.operands[0])[-1] if not samples.is_constant(op.operands[0]) else shapes[0][-1]
        return out * inner
    if op.name == "AveragePool":
        kernel = op.attrs.get("kernel_shape", ())
        return out * prod(int(k) for k in kernel if isinstance(k, int)) if isinstance(kernel, tuple) else out
    return max([out, *(samples.size(o) for o in samples.secrets(op))])
