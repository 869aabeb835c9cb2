"""Types of the results of ai.onnx.ml operators, whose schemas infer little. N samples, E classes, F features."""

from collections.abc import Callable, Sequence

from ppc.compiler.frontend.element_types import array_type
from ppc.compiler.frontend.node import Node
from ppc.ir.types import TensorType

Rule = Callable[[Node, Sequence[TensorType]], tuple[TensorType, ...]]


def _labels(node: Node, ints: str, strings: str) -> tuple[str, int]:
    names = node.attrs.get(strings, ())
    return ("str", len(names)) if names else ("i64", len(node.attrs.get(ints, ())))


def _classifier(ints: str, strings: str) -> Rule:
    def rule(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        n = operands[0].shape[0] if len(operands[0].shape) > 1 else 1
        dtype, classes = _labels(node, ints, strings)
        return TensorType(dtype, (n,)), TensorType("f32", (n, classes))

    return rule


def _regressor(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    n = operands[0].shape[0] if len(operands[0].shape) > 1 else 1
    return (TensorType("f32", (n, int(node.attrs.get("targets", node.attrs.get("n_targets", 1))))),)


def _same_floats(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType("f32", operands[0].shape),)


def _same(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (operands[0],)


def _one_hot(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    categories = node.attrs.get("cats_strings") or node.attrs.get("cats_int64s") or ()
    return (TensorType("f32", (*operands[0].shape, len(categories))),)


def _label_encoder(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    by_values = {"values_floats": "f32", "values_int64s": "i64", "values_strings": "str"}
    dtype = next((d for a, d in by_values.items() if node.attrs.get(a)), None)
    if "values_tensor" in node.attrs:
        dtype = array_type(node.attrs["values_tensor"]).dtype
    return (TensorType(dtype or ("i64" if operands[0].dtype == "str" else "str"), operands[0].shape),)


def _features(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    return (TensorType("f32", (operands[0].shape[0], sum(o.shape[-1] for o in operands))),)


def _extract(node: Node, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
    data, index = operands
    shape = data.shape if len(data.shape) > 1 else (1, *data.shape)
    return (TensorType(data.dtype, (*shape[:-1], index.size)),)


ML_TYPES: dict[str, Rule] = {
    "ArrayFeatureExtractor": _extract,
    "Binarizer": _same,
    "FeatureVectorizer": _features,
    "Imputer": _same,
    "LabelEncoder": _label_encoder,
    "LinearClassifier": _classifier("classlabels_ints", "classlabels_strings"),
    "LinearRegressor": _regressor,
    "Normalizer": _same_floats,
    "OneHotEncoder": _one_hot,
    "SVMClassifier": _classifier("classlabels_ints", "classlabels_strings"),
    "SVMRegressor": _regressor,
    "Scaler": _same_floats,
    "TreeEnsembleClassifier": _classifier("classlabels_int64s", "classlabels_strings"),
    "TreeEnsembleRegressor": _regressor,
    "ZipMap": _same,  # not the maps: the tensor they are made from
}
