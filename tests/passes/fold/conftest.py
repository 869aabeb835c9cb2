"""Models made on the spot, as fixtures."""

from collections.abc import Callable
from typing import Any

import pytest
import small_models


@pytest.fixture
def make_model() -> Callable[..., Any]:
    return small_models.make_model


@pytest.fixture
def evaluate() -> Callable[..., Any]:
    return small_models.evaluate
