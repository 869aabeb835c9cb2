"""Operators of ai.onnx.ml that change at import; the others keep their attributes."""

from ppc.compiler.frontend.normalize.plain import alias

#: ZipMap only pairs probabilities with class names; the tensor of probabilities is its result here.
TABLE = {"ZipMap": alias}
