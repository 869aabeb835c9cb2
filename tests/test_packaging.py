"""What a user installs is what is in the tree, and it imports on its own."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ["compiler", "ir", "passes", "runtime", "targets"]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected() -> set[str]:
    """Every file of the layers, as the wheel must name it."""
    files = {
        f"ppc/{p.relative_to(ROOT).as_posix()}" for layer in LAYERS for p in (ROOT / layer).rglob("*") if p.is_file()
    }
    return {f for f in files if "__pycache__" not in f} | {"ppc/__init__.py", "ppc/py.typed"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy without build leftovers, so that a stale build folder cannot make a test pass."""
    copy = tmp_path_factory.mktemp("tree") / "ppc"
    copy.mkdir()
    for name in (*LAYERS, "src", "docs"):
        shutil.copytree(
            ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, copy)
    return copy


def test_every_file_of_the_layers_is_installed(tree: Path, tmp_path: Path) -> None:
    run(sys.executable, "setup.py", "-q", "build_py", "--build-lib", tmp_path / "out", cwd=tree)
    installed = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert installed == expected()


def test_metadata() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "ppc-compiler"
    for file in ("LICENSE", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        assert (ROOT / file).stat().st_size > 500
    assert not any("crypten" in d for extra in project["optional-dependencies"].values() for d in extra), (
        "crypten's metadata makes pip fail; it is installed with --no-deps"
    )


def test_constraints_are_exact_and_cover_what_we_depend_on() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    assert {d.split(">")[0].split("[")[0].lower() for d in wanted} - pinned == set()


@pytest.mark.slow
def test_wheel_and_source_distribution(tree: Path, tmp_path: Path) -> None:
    run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", cwd=tree
    )  # sdist, wheel from it
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with tarfile.open(sdist) as archive:
        inside = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"LICENSE", "SECURITY.md", "CHANGELOG.md", "constraints.txt", "docs/architecture.md"} <= inside
    files = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert files == expected()

    # Into a folder of its own, which comes before this environment's editable copy; numpy is taken from here.
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", site, wheel, cwd=tmp_path)
    layers = [f"ppc.{layer}" for layer in LAYERS]
    code = f"import sys; sys.path.insert(0, {str(site)!r}); import {', '.join(['ppc', *layers])}"
    where = run(
        sys.executable,
        "-c",
        f"{code}; print(*(m.__file__ for m in ({', '.join(['ppc', *layers])})), sep='\\n')",
        cwd=empty,
    )
    assert len(where.split()) == 1 + len(LAYERS) and all(line.startswith(str(site)) for line in where.split())
