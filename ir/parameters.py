"""Trained numbers that ONNX keeps in attributes instead of tensors (ai.onnx.ml).

A plan shows its attributes, and is public. Import therefore turns these into constants, which are weights like any
other: operands behind those of the operator, in the order of `PARAMETERS`. An attribute of that name remains legal in
the IR (a policy may allow parameters in the plan); the numpy kernel takes either.
"""

from ppc.ir.module import Op

#: Operator -> attributes that hold what was learned from data; the order is that of its operands and of its kernel.
PARAMETERS = {
    "LinearClassifier": ("coefficients", "intercepts"),
    "LinearRegressor": ("coefficients", "intercepts"),
    "SVMClassifier": ("coefficients", "support_vectors", "rho", "prob_a", "prob_b"),
    "SVMRegressor": ("coefficients", "support_vectors", "rho"),
    "TreeEnsembleClassifier": ("nodes_values", "nodes_featureids", "class_weights", "base_values"),
    "TreeEnsembleRegressor": ("nodes_values", "nodes_featureids", "target_weights", "base_values"),
    "Scaler": ("offset", "scale"),
    "Imputer": ("imputed_value_floats", "imputed_value_int64s"),
}


def parameters_of(op: Op) -> tuple[str, ...]:
    """Names of the attributes of `op` that hold trained numbers; works for plan steps (`mpc.Scaler`) as well."""
    return tuple(a for a in PARAMETERS.get(op.name.rpartition(".")[2], ()) if op.attrs.get(a))
