"""Every model of the corpus ($PPC_CORPUS) imports, folds, and still computes what onnxruntime computed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from ppc.compiler.frontend.element_types import NUMPY_OF
from ppc.compiler.frontend.known_ops import declaration
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError
from ppc.ir.module import Module, Stage
from ppc.passes.fold import Fold

FOLDER = os.environ.get("PPC_CORPUS")
MODELS = sorted(Path(FOLDER).glob("models-*/*.onnx")) if FOLDER else []
OPTIONS: dict[str, dict[str, Any]] = {
    "byte_bidi_lstm": {"dims": {"length": 64}},
    "silero_vad_full": {"dims": {"input:1": 512, "state:1": 1}, "fixed": {"sr": 16000}},
    "tribuo_tinybert": {"dims": {"sequence": 24}},
}
#: Custom operators, which no kernel of ppc has.
REFUSED = {"skl_tfidf_logreg_sms": "PPC1010", "super_resolution_prepost": "PPC1010"}
#: Shape arithmetic, which static shapes decide.
GONE = {"Shape", "Size", "Constant", "ConstantOfShape", "Range", "Split", "Squeeze", "Unsqueeze", "Flatten", "Dropout",
        "If", "Loop", "Scan", "ZipMap"}  # fmt: skip


def test_the_corpus_is_there() -> None:
    if not FOLDER:
        pytest.skip("NOT CHECKED: PPC_CORPUS is unset; 70 real models were not imported")
    assert len(MODELS) >= 64


@pytest.mark.parametrize("path", [m for m in MODELS if m.stem not in REFUSED], ids=lambda p: p.stem)
def test_a_model_imports_folds_and_agrees_with_onnxruntime(path: Path, evaluate: Callable[..., Any]) -> None:
    module = import_model(path, **OPTIONS.get(path.stem, {}))
    folded = Fold()(module)
    assert folded.stage is Stage.FOLDED
    assert not GONE & {op.name for op in module.ops}
    assert len({op.loc for op in folded.ops}) == len(folded.ops)
    assert folded.outputs == module.outputs and folded.inputs == module.inputs
    for op in folded.ops:
        row = declaration(op.name)
        if row is not None:
            types = row.shape([folded.type_of(o) if o else None for o in op.operands], op.attrs)
            assert types[: len(op.results)] == tuple(folded.type_of(r) for r in op.results), op
    stored = np.load(path.with_suffix(".npz"))
    session = onnxruntime.InferenceSession(path, _quiet())
    for sample in range(2):
        feeds = _feeds(module, stored, sample)
        extra = {k: np.asarray(v, np.int64) for k, v in OPTIONS.get(path.stem, {}).get("fixed", {}).items()}
        expected = session.run(None, feeds | extra)
        given = list(feeds.values())
        imported, after = evaluate(module, *given), evaluate(folded, *given)
        for name, e, i, f in zip(module.attrs["output_names"], expected, imported, after, strict=True):
            e = np.asarray([[row[k] for k in sorted(row)] for row in e] if isinstance(e, list) else e)
            if e.dtype.kind != "f":
                assert np.array_equal(i, e) and np.array_equal(f, e), name
                continue
            size = max(1.0, float(np.abs(e).max()))
            assert np.abs(i - e).max() < 2e-5 * size, name
            assert np.abs(f - i).max() < 1e-6 * size, name


@pytest.mark.parametrize("path", [m for m in MODELS if m.stem in REFUSED], ids=lambda p: p.stem)
def test_a_model_with_custom_operators_is_refused(path: Path) -> None:
    with pytest.raises(UserError) as caught:
        import_model(path)
    assert {d.code for d in caught.value.diagnostics} == {REFUSED[path.stem]}
    assert all(d.node and d.facts["op"] and d.help for d in caught.value.diagnostics)


@pytest.mark.parametrize("path", [m for m in MODELS if m.stem in ("resnet8_cifar10", "mnist_mlp_sigmoid_robust")])
def test_a_batch_is_the_samples_one_by_one(path: Path, evaluate: Callable[..., Any]) -> None:
    one, four = Fold()(import_model(path)), Fold()(import_model(path, batch=4))
    data = np.load(path.with_suffix(".npz"))
    shape = four.values[four.inputs[0]].type.shape
    x = (data["x"] if "x" in data else next(data[k] for k in data if k.startswith("in_")))[:4].reshape(shape)
    whole = evaluate(four, x)[0]
    parts = np.concatenate([evaluate(one, x[i : i + 1])[0] for i in range(4)])
    assert np.allclose(whole, parts, rtol=0, atol=1e-9)


def test_folding_absorbs_what_it_should() -> None:
    if not FOLDER:
        pytest.skip("NOT CHECKED: PPC_CORPUS is unset")
    ops = {m.stem: [op.name for op in Fold()(import_model(m, **OPTIONS.get(m.stem, {}))).ops] for m in MODELS
           if m.stem in ("logreg_heart", "german_traffic_sign", "tribuo_tinybert", "transformer_sms")}  # fmt: skip
    assert ops["logreg_heart"] == ["Gemm", "Sigmoid"]
    assert ops["german_traffic_sign"][-1] == "Softmax" or ops["german_traffic_sign"].count("Transpose") <= 1
    assert ops["tribuo_tinybert"].count("LayerNormalization") == 3 and "Erf" not in ops["tribuo_tinybert"]
    assert ops["transformer_sms"].count("Gelu") == 2 and "Erf" not in ops["transformer_sms"]


def _feeds(module: Module, stored: Any, sample: int) -> dict[str, np.ndarray]:
    feeds = {}
    for name, value in zip(module.attrs["input_names"], module.inputs, strict=True):  # type: ignore[arg-type]
        type = module.values[value].type
        array = stored[f"in_{name}" if f"in_{name}" in stored else "x"][sample]
        feeds[str(name)] = array.reshape(type.shape).astype(NUMPY_OF.get(type.dtype, object))
    return feeds


def _quiet() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options
