"""The operator table: one lazy row an operator, so that importing the IR imports no family.

Adding an operator is one `declare` in a family file, one row here, one kernel and its row in
`ppc.runtime.kernels.KERNELS`, and one differential case; the completeness tests name what is forgotten.
"""

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from ppc.ir.opdef import OpDef

_FAMILIES: dict[str, str] = {
    "elementwise": "Add Sub Mul Div Pow Mod Min Max Sum Mean Clip Neg Abs Sign Floor Ceil Round Reciprocal Polynomial",
    "smooth": "Sqrt Rsqrt Exp Log Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Tanh Erf Gelu Sigmoid "
    "Softplus Softsign Mish Swish",
    "logic": "And Or Xor Not Equal Less LessOrEqual Greater GreaterOrEqual BitwiseAnd BitwiseOr BitwiseXor BitwiseNot "
    "BitShift BitCast IsNaN IsInf Where",
    "activation": "Relu LeakyRelu PRelu ThresholdedRelu Elu Selu Celu HardSigmoid HardSwish Shrink Softmax LogSoftmax "
    "Hardmax",
    "linalg": "MatMul Gemm Einsum Det",
    "window": "Conv ConvTranspose MaxPool AveragePool LpPool GlobalMaxPool GlobalAveragePool GlobalLpPool",
    "norm": "BatchNormalization InstanceNormalization LayerNormalization RMSNormalization GroupNormalization LRN "
    "LpNormalization MeanVarianceNormalization Dropout",
    "reduce": "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp "
    "ReduceSumSquare ArgMax ArgMin TopK CumSum CumProd",
    "shape": "Identity Cast Reshape Flatten Squeeze Unsqueeze Transpose Slice Concat Split Expand Tile Trilu "
    "ReverseSequence",
    "space": "DepthToSpace SpaceToDepth Pad CenterCropPad Resize",
    "create": "Shape Size Range ConstantOfShape EyeLike",
    "index": "Gather GatherElements GatherND ScatterElements ScatterND OneHot",
    "grid": "GridSample",
    "text": "StringConcat StringNormalizer TfIdfVectorizer Tokenizer",
    "rnn": "RNN GRU LSTM",
    "quant": "QuantizeLinear DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearMatMul "
    "ConvInteger QLinearConv",
    "ml_linear": "LinearClassifier LinearRegressor SVMClassifier SVMRegressor",
    "ml_tree": "TreeEnsembleClassifier TreeEnsembleRegressor",
    "ml_feature": "Scaler Normalizer Binarizer Imputer OneHotEncoder LabelEncoder FeatureVectorizer "
    "ArrayFeatureExtractor",
}

#: Operator -> "module:ATTRIBUTE"; the attribute is the operator's name in capitals.
OPS: dict[str, str] = {
    name: f"ppc.ir.ops.{family}:{name.upper()}" for family, names in _FAMILIES.items() for name in names.split()
}


class UnknownOp(KeyError):
    """No row of that name. The message has the nearest names that exist."""

    def __init__(self, name: str):
        near = get_close_matches(name, OPS, 3)
        super().__init__(f"no operator {name!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))

    def __str__(self) -> str:
        return str(self.args[0])


@cache
def opdef(name: str) -> OpDef:
    """The declaration of an operator. Raises `UnknownOp` (a KeyError)."""
    if name not in OPS:
        raise UnknownOp(name)
    module, _, attribute = OPS[name].partition(":")
    row: OpDef = getattr(import_module(module), attribute)
    return row
