"""A compiled plan: plan.py (the program), plan.json (what it means), plan.server.npz (the server's weights)."""

import ast
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.party import Session
from ppc.runtime.schema import PLAN_FORMAT

Program = Callable[[Session], None]


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def program_hash(text: bytes, manifest: str) -> str:
    """Hash of plan.py's text with the manifest's hash blanked: the two files name each other."""
    return sha256(text.replace(manifest.encode(), b"", 1))


class Plan:
    """The files of one plan, checked against each other by hash. Raises PPC6006 where they do not fit."""

    def __init__(self, file: str | Path, *, format: str, manifest: str) -> None:
        self.path = Path(file)
        if format.split(".")[0] != PLAN_FORMAT.split(".")[0]:
            raise PartyError(
                "PPC6006", f"plan format {format} needs another version of ppc; this one runs {PLAN_FORMAT}"
            )
        text = self._read(self.path.with_suffix(".json"))
        if sha256(text) != manifest:
            raise PartyError("PPC6006", f"{self.path.with_suffix('.json').name} is not the one this plan was made with")
        self.manifest: dict[str, Any] = json.loads(text)
        own = self._read(self.path)
        if program_hash(own, manifest) != self.manifest["program_file"]:
            raise PartyError("PPC6006", f"{self.path.name} was changed after it was made")
        self.hash = sha256(own)

    @staticmethod
    def load(path: str | Path) -> tuple["Plan", Program]:
        """Read a plan as data: its syntax tree must be straight-line steps and nothing else (`audit`); then it
        is run."""
        path = Path(path)
        source = Plan._read(path).decode("utf-8", "strict")
        tree = audit(source)
        found: dict[str, Any] = {"__file__": str(path), "__name__": "ppc_plan"}
        exec(compile(tree, str(path), "exec"), found)
        return found["plan"], found["program"]

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as e:
            raise PartyError("PPC6006", f"{path.name} cannot be read: {e.strerror}") from None

    def server_weights(self, path: str | Path | None = None) -> dict[str, Any]:
        """The server's arrays, checked against the manifest's hash. Only the server has this file."""
        file = Path(path) if path else self.path.with_suffix(".server.npz")
        raw = self._read(file)
        if sha256(raw) != self.manifest["server_file"]:
            raise PartyError("PPC6006", f"{file.name} is not the one this plan was made with")
        return _arrays(file)

    def public_constants(self) -> dict[str, Any]:
        """Arrays that every party may hold (constants the policy declares public)."""
        if not self.manifest.get("public_file"):
            return {}
        file = self.path.with_suffix(".public.npz")
        if sha256(self._read(file)) != self.manifest["public_file"]:
            raise PartyError("PPC6006", f"{file.name} is not the one this plan was made with")
        return _arrays(file)

    def main(self, program: Program) -> None:
        """Run one party (`python plan.py --party ...`) or the whole plan in clear (`--mode clear`)."""
        from ppc.runtime.main import main

        raise SystemExit(main(self, program))


def _arrays(file: Path) -> dict[str, Any]:
    try:
        with np.load(file, allow_pickle=False) as npz:
            return {k: npz[k] for k in npz.files}
    except (ValueError, OSError) as e:
        raise PartyError("PPC6006", f"{file.name} is damaged: {type(e).__name__}") from None


def audit(source: str) -> ast.Module:
    """Parse plan.py and refuse everything but what ppc generates: one import, `plan = Plan(...)`, straight-line
    `program(p)` of `name = p.domain.step(...)` with literal arguments, and the main guard. Raises PPC6006."""
    try:
        tree = ast.parse(source)
    except SyntaxError as e:
        raise PartyError("PPC6006", f"plan.py does not parse (line {e.lineno})") from None
    body = tree.body[1:] if tree.body and _is_docstring(tree.body[0]) else tree.body
    shapes = [_is_import, _is_plan, _is_program, _is_guard]
    if len(body) != len(shapes):
        raise PartyError("PPC6006", f"plan.py has {len(body)} top-level statements where a plan has {len(shapes)}")
    for node, accept in zip(body, shapes, strict=True):
        if not accept(node):
            raise PartyError("PPC6006", f"plan.py line {node.lineno} is not a statement of a plan")
    return tree


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_import(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ImportFrom) and node.module == "ppc.runtime" and [a.name for a in node.names] == ["Plan"]
    )


def _is_plan(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and [ast.unparse(t) for t in node.targets] == ["plan"]
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "Plan"
        and [ast.unparse(a) for a in node.value.args] == ["__file__"]
        and all(isinstance(k.value, ast.Constant) for k in node.value.keywords)
    )


def _is_guard(node: ast.stmt) -> bool:
    return ast.unparse(node) == "if __name__ == '__main__':\n    plan.main(program)"


def _is_program(node: ast.stmt) -> bool:
    if not (isinstance(node, ast.FunctionDef) and node.name == "program" and not node.decorator_list):
        return False
    if ast.unparse(node.args) != "p" or node.returns is not None or bool(getattr(node, "type_params", False)):
        return False
    body = node.body[1:] if _is_docstring(node.body[0]) else node.body
    return all(_is_step(s) for s in body)


def _is_step(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
        named = all(isinstance(t, ast.Name) and t.id not in ("p", "plan", "program", "Plan") for t in targets)
        return len(node.targets) == 1 and named and _is_call(node.value)
    return isinstance(node, ast.Expr) and _is_call(node.value)


def _is_call(node: ast.expr) -> bool:
    """`p.domain.step(operands, attr=literal)`; an operand is a name, None or `p.weight("...")`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    owner = node.func.value
    if not (isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id == "p"):
        return False
    if node.func.attr.startswith("_") or owner.attr not in (
        "client",
        "server",
        "tee",
        "he",
        "mpc",
        "convert",
        "reveal",
    ):
        return False
    return all(_is_operand(a) for a in node.args) and all(k.arg and _is_literal(k.value) for k in node.keywords)


def _is_operand(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "p.weight" and len(node.args) == 1 and _is_literal(node.args[0])
    return isinstance(node, ast.Name) or (
        isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str))
    )


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError):
        return False
    return True
