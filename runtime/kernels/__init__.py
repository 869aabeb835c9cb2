"""Numpy kernels: the meaning of every operator, in float64.

One table: operator name -> "module:function" (lazy, so that a party loads what its plan uses). The compiler's
reference interpreter, the clear mode, and the client, server and enclave engines all run these.
A kernel is a pure function `f(*operands, **attrs)`; an absent optional operand is None, and an attribute that is
left out has its ONNX default. Where numpy's function is the operator, the row names it and there is no wrapper.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_OURS = "ppc.runtime.kernels."

KERNELS: dict[str, str] = {
    # arithmetic
    "Add": "numpy:add",
    "Sub": "numpy:subtract",
    "Mul": "numpy:multiply",
    "Div": _OURS + "arithmetic:div",
    "Pow": _OURS + "arithmetic:pow",
    "Mod": _OURS + "arithmetic:mod",
    "Min": _OURS + "arithmetic:min",
    "Max": _OURS + "arithmetic:max",
    "Sum": _OURS + "arithmetic:sum",
    "Mean": _OURS + "arithmetic:mean",
    "Clip": _OURS + "arithmetic:clip",
    "Neg": "numpy:negative",
    "Abs": "numpy:absolute",
    "Sign": "numpy:sign",
    "Floor": "numpy:floor",
    "Ceil": "numpy:ceil",
    "Round": "numpy:rint",
    "Reciprocal": "numpy:reciprocal",
    "Polynomial": _OURS + "polynomial:polynomial",
    # smooth functions
    "Sqrt": "numpy:sqrt",
    "Rsqrt": _OURS + "arithmetic:rsqrt",
    "Exp": "numpy:exp",
    "Log": "numpy:log",
    "Sin": "numpy:sin",
    "Cos": "numpy:cos",
    "Tan": "numpy:tan",
    "Asin": "numpy:arcsin",
    "Acos": "numpy:arccos",
    "Atan": "numpy:arctan",
    "Sinh": "numpy:sinh",
    "Cosh": "numpy:cosh",
    "Asinh": "numpy:arcsinh",
    "Acosh": "numpy:arccosh",
    "Atanh": "numpy:arctanh",
    "Tanh": "numpy:tanh",
    "Erf": _OURS + "special:erf",
    "Gelu": _OURS + "special:gelu",
    # logic
    "And": "numpy:logical_and",
    "Or": "numpy:logical_or",
    "Xor": "numpy:logical_xor",
    "Not": "numpy:logical_not",
    "Equal": "numpy:equal",
    "Less": "numpy:less",
    "LessOrEqual": "numpy:less_equal",
    "Greater": "numpy:greater",
    "GreaterOrEqual": "numpy:greater_equal",
    "BitwiseAnd": "numpy:bitwise_and",
    "BitwiseOr": "numpy:bitwise_or",
    "BitwiseXor": "numpy:bitwise_xor",
    "BitwiseNot": "numpy:bitwise_not",
    "BitShift": _OURS + "logic:bit_shift",
    "BitCast": _OURS + "logic:bit_cast",
    "IsNaN": "numpy:isnan",
    "IsInf": _OURS + "logic:is_inf",
    "Where": "numpy:where",
    # activations
    "Relu": _OURS + "activation:relu",
    "LeakyRelu": _OURS + "activation:leaky_relu",
    "PRelu": _OURS + "activation:prelu",
    "ThresholdedRelu": _OURS + "activation:thresholded_relu",
    "Elu": _OURS + "activation:elu",
    "Selu": _OURS + "activation:selu",
    "Celu": _OURS + "activation:celu",
    "Sigmoid": _OURS + "activation:sigmoid",
    "HardSigmoid": _OURS + "activation:hard_sigmoid",
    "HardSwish": _OURS + "activation:hard_swish",
    "Swish": _OURS + "activation:swish",
    "Softplus": _OURS + "activation:softplus",
    "Softsign": _OURS + "activation:softsign",
    "Mish": _OURS + "activation:mish",
    "Shrink": _OURS + "activation:shrink",
    "Softmax": _OURS + "softmax:softmax",
    "LogSoftmax": _OURS + "softmax:log_softmax",
    "Hardmax": _OURS + "softmax:hardmax",
    # linear algebra
    "MatMul": "numpy:matmul",
    "Gemm": _OURS + "linalg:gemm",
    "Einsum": _OURS + "linalg:einsum",
    "Det": "numpy.linalg:det",
    # convolution and pooling
    "Conv": _OURS + "conv:conv",
    "ConvTranspose": _OURS + "conv:conv_transpose",
    "MaxPool": _OURS + "pool:max_pool",
    "AveragePool": _OURS + "pool:average_pool",
    "LpPool": _OURS + "pool:lp_pool",
    "GlobalMaxPool": _OURS + "pool:global_max_pool",
    "GlobalAveragePool": _OURS + "pool:global_average_pool",
    "GlobalLpPool": _OURS + "pool:global_lp_pool",
    # normalisation
    "BatchNormalization": _OURS + "norm:batch_normalization",
    "InstanceNormalization": _OURS + "norm:instance_normalization",
    "LayerNormalization": _OURS + "norm:layer_normalization",
    "RMSNormalization": _OURS + "norm:rms_normalization",
    "GroupNormalization": _OURS + "norm:group_normalization",
    "LRN": _OURS + "norm:lrn",
    "LpNormalization": _OURS + "norm:lp_normalization",
    "MeanVarianceNormalization": _OURS + "norm:mean_variance_normalization",
    "Dropout": _OURS + "shape:dropout",
    # reductions
    "ReduceSum": _OURS + "reduce:reduce_sum",
    "ReduceMean": _OURS + "reduce:reduce_mean",
    "ReduceMax": _OURS + "reduce:reduce_max",
    "ReduceMin": _OURS + "reduce:reduce_min",
    "ReduceProd": _OURS + "reduce:reduce_prod",
    "ReduceL1": _OURS + "reduce:reduce_l1",
    "ReduceL2": _OURS + "reduce:reduce_l2",
    "ReduceLogSum": _OURS + "reduce:reduce_log_sum",
    "ReduceLogSumExp": _OURS + "reduce:reduce_log_sum_exp",
    "ReduceSumSquare": _OURS + "reduce:reduce_sum_square",
    "ArgMax": _OURS + "order:arg_max",
    "ArgMin": _OURS + "order:arg_min",
    "TopK": _OURS + "order:top_k",
    "CumSum": _OURS + "order:cum_sum",
    "CumProd": _OURS + "order:cum_prod",
    # shape
    "Identity": _OURS + "shape:identity",
    "Cast": _OURS + "cast:cast",
    "Reshape": _OURS + "shape:reshape",
    "Flatten": _OURS + "shape:flatten",
    "Squeeze": _OURS + "shape:squeeze",
    "Unsqueeze": _OURS + "shape:unsqueeze",
    "Transpose": _OURS + "shape:transpose",
    "Slice": _OURS + "shape:slice_",
    "Concat": _OURS + "shape:concat",
    "Split": _OURS + "shape:split_",
    "Expand": _OURS + "shape:expand",
    "Tile": _OURS + "shape:tile",
    "Trilu": _OURS + "shape:trilu",
    "DepthToSpace": _OURS + "shape:depth_to_space",
    "SpaceToDepth": _OURS + "shape:space_to_depth",
    "ReverseSequence": _OURS + "shape:reverse_sequence",
    "Pad": _OURS + "pad:pad_",
    "CenterCropPad": _OURS + "pad:center_crop_pad",
    "Resize": _OURS + "resize:resize",
    "Shape": _OURS + "create:shape",
    "Size": _OURS + "create:size",
    "Range": _OURS + "create:range_",
    "ConstantOfShape": _OURS + "create:constant_of_shape",
    "EyeLike": _OURS + "create:eye_like",
    # indexing
    "Gather": _OURS + "index:gather",
    "GatherElements": _OURS + "index:gather_elements",
    "GatherND": _OURS + "index:gather_nd",
    "ScatterElements": _OURS + "index:scatter_elements",
    "ScatterND": _OURS + "index:scatter_nd",
    "OneHot": _OURS + "index:one_hot",
    "GridSample": _OURS + "grid:grid_sample",
    # text
    "StringConcat": "numpy.strings:add",
    "Tokenizer": _OURS + "words:tokenizer",
    "StringNormalizer": _OURS + "words:string_normalizer",
    "TfIdfVectorizer": _OURS + "words:tf_idf_vectorizer",
    # recurrent nets
    "RNN": _OURS + "rnn:rnn",
    "GRU": _OURS + "rnn:gru",
    "LSTM": _OURS + "rnn:lstm",
    # quantised nets
    "QuantizeLinear": _OURS + "quant:quantize_linear",
    "DequantizeLinear": _OURS + "quant:dequantize_linear",
    "MatMulInteger": _OURS + "quant:mat_mul_integer",
    "ConvInteger": _OURS + "quant:conv_integer",
    "QLinearConv": _OURS + "quant:q_linear_conv",
    "QLinearMatMul": _OURS + "quant:q_linear_mat_mul",
    "DynamicQuantizeLinear": _OURS + "quant:dynamic_quantize_linear",
    # ai.onnx.ml
    "LinearClassifier": _OURS + "ml_linear:linear_classifier",
    "LinearRegressor": _OURS + "ml_linear:linear_regressor",
    "TreeEnsembleClassifier": _OURS + "ml_tree:tree_ensemble_classifier",
    "TreeEnsembleRegressor": _OURS + "ml_tree:tree_ensemble_regressor",
    "SVMClassifier": _OURS + "ml_svm:svm_classifier",
    "SVMRegressor": _OURS + "ml_svm:svm_regressor",
    "Scaler": _OURS + "ml_feature:scaler",
    "Normalizer": _OURS + "ml_feature:normalizer",
    "Binarizer": _OURS + "ml_feature:binarizer",
    "Imputer": _OURS + "ml_feature:imputer",
    "OneHotEncoder": _OURS + "ml_feature:one_hot_encoder",
    "LabelEncoder": _OURS + "ml_feature:label_encoder",
    "FeatureVectorizer": _OURS + "ml_feature:feature_vectorizer",
    "ArrayFeatureExtractor": _OURS + "ml_feature:array_feature_extractor",
}


@cache
def kernel(name: str) -> Any:
    """The function behind a row of `KERNELS`. Raises KeyError for an operator without one."""
    module, _, function = KERNELS[name].partition(":")
    return getattr(import_module(module), function)


def run(name: str, operands: Sequence[Array | None], attrs: Mapping[str, Any]) -> tuple[Array, ...]:
    """Run one operator; floating-point operands are widened to float64 first.

    Infinities and NaN are results like any other (log 0 is -inf): numpy's warnings about them are silenced.
    """
    wide = [o.astype(np.float64, copy=False) if o is not None and o.dtype.kind == "f" else o for o in operands]
    with np.errstate(all="ignore"):
        result = kernel(name)(*wide, **attrs)
    return tuple(map(np.asarray, result)) if isinstance(result, tuple) else (np.asarray(result),)
