"""Trained numbers that ONNX keeps in attributes instead of tensors (ai.onnx.ml). A plan shows its attributes."""

from ppc.ir.module import Op

#: Operator -> attributes that hold what was learned from data.
PARAMETERS = {
    "LinearClassifier": ("coefficients", "intercepts"),
    "LinearRegressor": ("coefficients", "intercepts"),
    "SVMClassifier": ("coefficients", "support_vectors", "rho", "prob_a", "prob_b"),
    "SVMRegressor": ("coefficients", "support_vectors", "rho"),
    "TreeEnsembleClassifier": ("nodes_values", "nodes_featureids", "class_weights", "base_values"),
    "TreeEnsembleRegressor": ("nodes_values", "nodes_featureids", "target_weights", "base_values"),
    "TreeEnsemble": ("nodes_splits", "nodes_featureids", "leaf_weights"),
    "Scaler": ("offset", "scale"),
    "Imputer": ("imputed_value_floats", "imputed_value_int64s"),
}


def parameters_of(op: Op) -> tuple[str, ...]:
    """Names of the attributes of `op` that hold trained numbers; works for plan steps (`mpc.Scaler`) as well."""
    return tuple(a for a in PARAMETERS.get(op.name.rpartition(".")[2], ()) if op.attrs.get(a))
