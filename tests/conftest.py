"""What all tests share: the shipped prices, and the golden files as tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from golden_run import run_golden


@pytest.fixture(autouse=True, scope="session")
def no_stored_prices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests compile with the shipped table of prices, whatever `ppc calibrate` stored for this user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PPC_HOME", str(tmp_path_factory.mktemp("home")))
        yield


class GoldenFile(pytest.File):
    def collect(self) -> Iterator["GoldenItem"]:
        yield GoldenItem.from_parent(self, name="golden")


class GoldenItem(pytest.Item):
    """A file of tests/golden (see `golden_run`)."""

    def runtest(self) -> None:
        run_golden(self.path)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> GoldenFile | None:
    golden = file_path.suffix == ".ppc" and "golden" in file_path.parts
    return GoldenFile.from_parent(parent, path=file_path) if golden else None
