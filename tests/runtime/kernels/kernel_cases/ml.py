"""Cases: ai.onnx.ml."""

import numpy as np
from kernel_cases.elementwise import f, i
from kernel_oracle import Case

X = f(12, 4)
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO")


def flat(*shape: int, low: float = -2.0, high: float = 2.0) -> tuple[float, ...]:
    return tuple(float(v) for v in f(*shape, low=low, high=high).reshape(-1))


def trees(count: int, targets: tuple[int, ...], prefix: str, low: float = -2.0) -> dict[str, object]:
    """Complete trees of depth 2 over four features; each leaf has a weight for one of the targets."""
    nodes: dict[str, list[object]] = {
        k: [] for k in ["treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids"]
    }
    leaves: dict[str, list[object]] = {k: [] for k in ["treeids", "nodeids", "ids", "weights"]}
    weights = iter(flat(4 * count, low=low))
    for tree in range(count):
        for node in range(7):
            inner = node < 3
            row = (tree, node, (node + tree) % 4, 0.3 * node - 0.4, "BRANCH_LEQ" if inner else "LEAF",
                   2 * node + 1 if inner else 0, 2 * node + 2 if inner else 0)  # fmt: skip
            for values, value in zip(nodes.values(), row, strict=True):
                values.append(value)
            if not inner:
                for values, value in zip(
                    leaves.values(), (tree, node, targets[(node + tree) % len(targets)], next(weights)), strict=True
                ):
                    values.append(value)
    return {f"nodes_{k}": tuple(v) for k, v in nodes.items()} | {f"{prefix}_{k}": tuple(v) for k, v in leaves.items()}


def _with_mode(attrs: dict[str, object], mode: str) -> dict[str, object]:
    return attrs | {"nodes_modes": tuple(mode if m != "LEAF" else m for m in attrs["nodes_modes"])}  # type: ignore[attr-defined]


BINARY = {"coefficients": flat(4), "intercepts": flat(1), "classlabels_ints": (0, 1)}
THREE = {"coefficients": flat(3, 4), "intercepts": flat(3), "classlabels_ints": (4, 5, 6)}
VOTE3 = trees(4, (0, 1, 2), "class") | {"classlabels_int64s": (7, 8, 9)}
VOTE2 = trees(4, (0, 1), "class") | {"classlabels_int64s": (0, 1)}
ONE_COLUMN = trees(4, (0,), "class") | {"classlabels_int64s": (0, 1)}
POSITIVE = trees(4, (0,), "class", low=0.0) | {"classlabels_int64s": (3, 5)}
SUM2 = trees(5, (0, 1), "target") | {"n_targets": 2}
NAN = X.copy()
NAN[::3, 1] = np.nan
KERNELS = [
    {"kernel_type": "RBF", "kernel_params": (0.5, 0.0, 3.0)},
    {"kernel_type": "LINEAR", "kernel_params": (0.5, 0.0, 3.0)},
    {"kernel_type": "POLY", "kernel_params": (0.5, 1.0, 2.0)},
    {"kernel_type": "SIGMOID", "kernel_params": (0.1, 0.2, 3.0)},
]
SVM2 = {"vectors_per_class": (3, 2), "support_vectors": flat(5, 4), "coefficients": flat(5), "rho": (0.1,),
        "classlabels_ints": (0, 1)}  # fmt: skip
SVM3 = {"vectors_per_class": (2, 3, 2), "support_vectors": flat(7, 4), "coefficients": flat(2, 7),
        "rho": (0.1, -0.2, 0.05), "classlabels_ints": (0, 1, 2)}  # fmt: skip
CASES: list[Case] = [
    *(Case("LinearClassifier", [X], {**BINARY, "post_transform": t}) for t in TRANSFORMS),
    *(Case("LinearClassifier", [X], {**THREE, "post_transform": t}) for t in TRANSFORMS),
    Case(
        "LinearClassifier",
        [X],
        {
            "coefficients": flat(2, 4),
            "intercepts": flat(2),
            "classlabels_strings": ("no", "yes"),
            "post_transform": "SOFTMAX",
        },
    ),
    Case("LinearClassifier", [i(5, 4)], {**THREE, "post_transform": "NONE"}),
    Case("LinearRegressor", [X], {"coefficients": flat(4), "intercepts": flat(1)}),
    Case("LinearRegressor", [X], {"coefficients": flat(3, 4), "targets": 3, "intercepts": flat(3)}),
    *(Case("TreeEnsembleClassifier", [X], {**VOTE3, "post_transform": t}) for t in TRANSFORMS),
    *(Case("TreeEnsembleClassifier", [X], {**VOTE2, "post_transform": t}, reference=True) for t in TRANSFORMS),
    *(Case("TreeEnsembleClassifier", [X], {**ONE_COLUMN, "post_transform": t}) for t in TRANSFORMS),
    *(Case("TreeEnsembleClassifier", [X], {**POSITIVE, "post_transform": t}) for t in TRANSFORMS),
    Case("TreeEnsembleClassifier", [X], {**ONE_COLUMN, "base_values": (0.25,), "post_transform": "LOGISTIC"}),
    Case("TreeEnsembleClassifier", [X], {**VOTE3, "base_values": (0.25, 0.5, -0.5)}),
    Case("TreeEnsembleRegressor", [X], SUM2),
    *(
        Case("TreeEnsembleRegressor", [X], {**trees(5, (0,), "target"), "n_targets": 1, "aggregate_function": a})
        for a in ("AVERAGE", "MIN", "MAX")
    ),
    Case("TreeEnsembleRegressor", [X], {**SUM2, "base_values": (1.5, -1.0)}),
    *(
        Case("TreeEnsembleRegressor", [X], _with_mode(SUM2, f"BRANCH_{mode}"))
        for mode in ("LT", "GTE", "GT", "EQ", "NEQ")
    ),
    Case("TreeEnsembleRegressor", [NAN], {**SUM2, "nodes_missing_value_tracks_true": (1, 0, 1, 0, 0, 0, 0) * 5}),
    Case("TreeEnsembleRegressor", [NAN], SUM2),
    *(Case("SVMClassifier", [X], {**SVM2, **k}) for k in KERNELS),
    *(Case("SVMClassifier", [X], {**SVM3, **k}) for k in KERNELS),
    Case("SVMClassifier", [X], {**SVM2, **KERNELS[0], "prob_a": (-1.2,), "prob_b": (0.1,)}),
    *(Case("SVMClassifier", [X], {**SVM2, **KERNELS[1], "post_transform": t}) for t in TRANSFORMS[1:]),
    *(Case("SVMClassifier", [X], {**SVM3, **KERNELS[1], "post_transform": t}) for t in TRANSFORMS[1:]),
    Case("SVMClassifier", [X], {**SVM3, **KERNELS[0], "prob_a": (-1.2, -0.5, -2.0), "prob_b": (0.1, 0.0, -0.1)}),
    Case(
        "SVMClassifier",
        [X],
        {"coefficients": flat(3, 4), "rho": (0.2,), "classlabels_ints": (0, 1, 2), **KERNELS[1]},
    ),
    *(
        Case(
            "SVMRegressor",
            [X],
            {**k, "n_supports": 5, "support_vectors": flat(5, 4), "coefficients": flat(5), "rho": (0.4,)},
        )
        for k in KERNELS
    ),
    Case("SVMRegressor", [X], {**KERNELS[1], "coefficients": flat(4), "rho": (0.4,)}),
    Case("Scaler", [X], {"offset": flat(4), "scale": flat(4)}),
    Case("Scaler", [i(3, 4)], {"offset": (0.5,), "scale": (2.0,)}),
    *(Case("Normalizer", [np.concatenate([X, 0 * X[:1]])], {"norm": n}) for n in ("MAX", "L1", "L2")),
    Case("Binarizer", [X], {"threshold": 0.5}),
    Case("Imputer", [NAN], {"imputed_value_floats": flat(4), "replaced_value_float": float("nan")}),
    Case("Imputer", [np.where(NAN > 0, NAN, 0)], {"imputed_value_floats": (7.0,), "replaced_value_float": 0.0}),
    Case("Imputer", [i(5, 3)], {"imputed_value_int64s": (1, 2, 3), "replaced_value_int64": 4}),
    Case("OneHotEncoder", [i(5, 2, low=0, high=5)], {"cats_int64s": (0, 1, 3)}),
    Case("OneHotEncoder", [np.array(["a", "b", "c"])], {"cats_strings": ("b", "a")}),
    Case("LabelEncoder", [i(6, low=0, high=4)], {"keys": (0, 1, 2), "values": (1.5, 2.5, -1.0), "default": 9.0}),
    Case("LabelEncoder", [np.array(["a", "b", "c"])], {"keys": ("b", "a"), "values": (7, 8), "default": -1}),
    Case("LabelEncoder", [i(6, low=0, high=4)], {"keys": (0, 1, 2), "values": ("no", "yes", "so"), "default": "?"}),
    Case("FeatureVectorizer", [X, f(12, 2)], {"inputdimensions": (4, 2)}),
    Case("ArrayFeatureExtractor", [X, np.array([2, 0])]),
    Case("ArrayFeatureExtractor", [f(5), np.array([3])]),
]
