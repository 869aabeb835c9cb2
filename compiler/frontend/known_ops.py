"""Which operators the IR has, once a node is normalised."""

from functools import cache
from importlib import import_module

from ppc.ir.opdef import OpDef

#: Until `ppc.ir.ops` declares its table: operators of the corpus, after normalisation.
_NAMES = """
Abs Add And ArgMax ArgMin ArrayFeatureExtractor AveragePool BatchNormalization Cast Ceil Clip Concat Conv
ConvTranspose Cos CumSum DepthToSpace Div Einsum Elu Equal Erf Exp Expand Floor GRU Gather GatherElements GatherND
Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish Identity Imputer
InstanceNormalization LRN LSTM LabelEncoder LayerNormalization LeakyRelu Less LessOrEqual LinearClassifier
LinearRegressor Log LogSoftmax MatMul Max MaxPool Mean Min Mod Mul Neg Normalizer Not OneHot OneHotEncoder Or PRelu
Pad Pow RNN Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
ReduceSum ReduceSumSquare Relu Reshape Resize Round SVMClassifier SVMRegressor Scaler ScatterElements ScatterND Selu
Sigmoid Sign Sin Slice Softmax Softplus Softsign SpaceToDepth Sqrt Sub Sum Tanh TfIdfVectorizer ThresholdedRelu Tile
TopK Transpose TreeEnsembleClassifier TreeEnsembleRegressor Trilu Where Xor
"""
_FALLBACK = frozenset(_NAMES.split())


@cache
def known_ops() -> frozenset[str]:
    """Names of all operators of the IR."""
    table = getattr(import_module("ppc.ir.ops"), "OPS", None)
    return frozenset(table) if table else _FALLBACK


def declaration(name: str) -> OpDef | None:
    """The row of an operator, None while there is no table."""
    find = getattr(import_module("ppc.ir.ops"), "opdef", None)
    row = find(name) if find and name in known_ops() else None
    return row if isinstance(row, OpDef) else None
