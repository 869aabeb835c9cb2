"""The tree is the architecture: what packaging, type checkers and readers rely on."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ["compiler", "ir", "passes", "runtime", "targets"]
FILES = sorted(f for layer in LAYERS for f in (ROOT / layer).rglob("*.py"))
MOST_LINES = 400


def names(files: list[Path]) -> list[str]:
    return [f.relative_to(ROOT).as_posix() for f in files]


@pytest.mark.skipif(sys.platform == "win32", reason="git may check links out as text files")
@pytest.mark.parametrize("layer", LAYERS)
def test_type_checkers_see_every_layer(layer: str) -> None:
    link = ROOT / "src" / "ppc" / layer
    assert link.is_symlink() and not link.readlink().is_absolute() and link.resolve() == ROOT / layer


def test_source_package_holds_nothing_else() -> None:
    found = {p.name for p in (ROOT / "src" / "ppc").iterdir()} - {"__pycache__"}
    assert found == {"__init__.py", "py.typed", *LAYERS}


def test_every_folder_is_a_package() -> None:
    assert FILES
    assert names([f for f in FILES if not (f.parent / "__init__.py").is_file()]) == []


def test_tests_are_no_package() -> None:
    assert names(sorted((ROOT / "tests").rglob("__init__.py"))) == []


def test_files_stay_small() -> None:
    sizes = {f: len(f.read_text(encoding="utf-8").splitlines()) for f in FILES}
    assert {f.relative_to(ROOT).as_posix(): n for f, n in sizes.items() if n > MOST_LINES} == {}


def test_every_module_says_what_it_is() -> None:
    assert names([f for f in FILES if not ast.get_docstring(ast.parse(f.read_text(encoding="utf-8")))]) == []


def test_imports_are_absolute_and_by_the_package_name() -> None:
    bad = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = ["." * node.level + (node.module or "")]
            bad += [f"{names([file])[0]}:{node.lineno} {m}" for m in modules if m.split(".")[0] in {"", *LAYERS}]  # type: ignore[attr-defined]
    assert bad == []
