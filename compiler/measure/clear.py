"""Numpy kernels, one call each: prices of the units of `ppc.targets.clear.work`."""

from typing import Any

import numpy as np

from ppc.compiler.measure.stopwatch import Stopwatch
from ppc.runtime import kernels

#: Trees of the forest that is measured, all of one test and two leaves; its samples and features.
TREES, SAMPLES, FEATURES = 50, 200, 16


def measure(watch: Stopwatch) -> dict[str, float]:
    """Seconds of each unit, float64, one thread. A unit is one row, measured by one operator that consists of it."""
    random = np.random.default_rng(1)
    large, image = random.normal(size=1 << 18), random.normal(size=(1, 16, 64, 64))
    a, b = random.normal(size=(256, 512)), random.normal(size=(512, 256))
    pool = {"kernel_shape": (2, 2), "strides": (2, 2)}
    rows: dict[
        str, tuple[float, str, list[Any], dict[str, Any]]
    ] = {  # unit -> how many, operator, operands, attributes
        "step": (1, "Relu", [random.normal(size=8)], {}),
        "mac": (256 * 512 * 256, "MatMul", [a, b], {}),
        "element": (2 * large.size, "Relu", [large], {}),
        "function": (2 * large.size, "Sigmoid", [large], {}),
        "window": (image.size * 5 / 4, "MaxPool", [image], pool),
        "tree": (SAMPLES * (FEATURES + 1), "TreeEnsembleRegressor", *_forest(random)),
    }
    return {
        unit: watch.time(f"clear.{unit}", lambda row=row: kernels.run(*row[1:])) / row[0] for unit, row in rows.items()
    }


def _forest(random: np.random.Generator) -> tuple[list[Any], dict[str, Any]]:
    """Operands and attributes of a forest of stumps."""
    feature = np.arange(3 * TREES) % FEATURES
    nodes = 3 * TREES
    operands = [random.normal(size=(SAMPLES, FEATURES)), np.zeros(nodes), feature, random.normal(size=2 * TREES)]
    trees = [t for t in range(TREES) for _ in range(3)]
    leaves = [t for t in range(TREES) for _ in range(2)]
    return operands, {
        "nodes_treeids": trees,
        "nodes_nodeids": [0, 1, 2] * TREES,
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"] * TREES,
        "nodes_truenodeids": [1, 0, 0] * TREES,
        "nodes_falsenodeids": [2, 0, 0] * TREES,
        "target_treeids": leaves,
        "target_nodeids": [1, 2] * TREES,
        "target_ids": [0, 0] * TREES,
        "n_targets": 1,
    }
