# make setup   once: .venv with everything, pinned by constraints.txt (Python >= 3.11, git and make must be there)
# make demo    compile and run a model across processes that do not trust each other
# make test    lint and the fast tests; make test-all adds the long proofs; make test-onnx runs the node tests of ONNX
# make bench-he measures HE on small networks, a sample and a batch at a time, beside TenSEAL: PPC_CORPUS=... make bench-he
# make bench-mpc measures MPC beside CrypTen, on loopback and on an emulated WAN
# make bench-corpus runs real models securely under several policies: PPC_CORPUS=... make bench-corpus (hours; it goes on)
# PYTHON=python3.12 make setup   uses another interpreter

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_VERSION := 26.3
TORCH_VERSION := 2.13.0

.PHONY: setup demo test test-all test-onnx lint bench-he bench-mpc bench-corpus clean
.DEFAULT_GOAL := help

help:
	@sed -n '/^# make/s/^# //p' Makefile

setup: .venv/.ready

.venv/.ready: constraints.txt pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ppc needs Python 3.11 or later: PYTHON=... make setup")'
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet pip==$(PIP_VERSION)
	$(PIP) install --quiet -c constraints.txt setuptools
# PyTorch's build on PyPI for Linux brings 3 GB of CUDA libraries. The CPU build is taken where pip's configuration, or
# TORCH_INDEX=<the address of PyTorch's CPU wheels>, offers it; else PyPI's.
	$(PIP) install --quiet -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
	       torch==$(TORCH_VERSION)+cpu 2>/dev/null \
	  || { echo "no CPU build of PyTorch in reach (TORCH_INDEX=... names one); installing PyPI's, 3 GB"; \
	       $(PIP) install --quiet torch==$(TORCH_VERSION); }
	$(PIP) install --quiet --no-build-isolation -c constraints.txt -e '.[he,mpc,tee,dev]'
# CrypTen's metadata requires "sklearn", a package that refuses to build; what it truly needs is in the mpc extra.
	$(PIP) install --quiet --no-deps -c constraints.txt crypten
	$(BIN)/python -c 'import torch, tenseal, onnxruntime, ppc'
	touch .venv/.ready

demo: setup
	$(BIN)/python examples/demo/run.py

test: setup lint
	$(BIN)/python -m pytest -q -m "not slow" -n auto

test-all: setup lint
	$(BIN)/python -m pytest -q -n auto

test-onnx: setup
	$(BIN)/python -m benchmarks.onnx_tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-he: setup
	$(BIN)/python -m benchmarks.he

bench-mpc: setup
	$(BIN)/python -m benchmarks.mpc

bench-corpus: setup
	$(BIN)/python -m benchmarks.corpus --secure

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
