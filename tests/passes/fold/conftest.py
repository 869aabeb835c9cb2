"""Models made on the spot, as fixtures; `small_models` as a module: tests run with importlib, without test packages."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
import small_models


@pytest.fixture
def make_model() -> Callable[..., Any]:
    return small_models.make_model


@pytest.fixture
def evaluate() -> Callable[..., Any]:
    return small_models.evaluate
