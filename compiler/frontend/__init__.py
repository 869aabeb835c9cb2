"""ONNX model in, imported module out. Entry: `ppc.compiler.frontend.onnx_import.import_model`."""
