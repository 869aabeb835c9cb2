"""Plans deployed party by party."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment import LENET, Deployment


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[type[Deployment]]:
    made: list[Deployment] = []

    def make(policy: str, batch: int = 1, model: Path = LENET) -> Deployment:
        made.append(Deployment(tmp_path, policy, batch, model))
        return made[-1]

    yield make  # type: ignore[misc]
    for one in made:
        one.end()
