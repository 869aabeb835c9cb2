"""Where randomness comes from, read off the source of the runtime: the operating system, and AES-256 under its keys.

No generator of Python, numpy or torch, no seed or key below 256 bits, no broken hash. Numbers that are no keys (nonces,
names) may be shorter; they stand here by name, with the reason.
"""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import ppc.runtime

ROOT = Path(ppc.runtime.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

#: Modules whose numbers anybody can predict. uuid1 and uuid4 are names, and nothing here needs them.
FORBIDDEN_MODULES = {"random", "uuid"}
#: np.random, torch.rand..., tensor.normal_(), Generator: wherever they are reached for.
FORBIDDEN_NAMES = {
    "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "manual_seed", "seed_all",
    "initial_seed", "Generator", "default_rng", "RandomState", "SeedSequence", "normal_", "uniform_", "random_",
    "bernoulli", "bernoulli_", "multinomial", "exponential_", "randbytes", "getrandbits",
    "md5", "sha1", "MD5", "SHA1", "ARC4", "TripleDES", "AES", "AES128", "Fernet",
}  # fmt: skip
#: The noise models of `--mode simulate`, which has no cryptography: they must repeat themselves.
SIMULATION = {"he/noise.py", "mpc/simulate.py"}
#: (file, what is drawn) -> why it may have fewer than 32 bytes.
SHORT = {
    ("net/connect.py", "secrets.token_bytes(16)"): "tells two connection attempts apart; certificates do the rest",
    ("sealed.py", "secrets.token_bytes(NONCE)"): "a nonce of AES-GCM has 96 bits",
    ("mpc/deal.py", "secrets.token_hex(_NAME_BYTES // 2)"): "the name of a lot",
}
SOURCES = {"token_bytes", "token_hex", "urandom", "getrandom", "new_key", "generate_key"}


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def calls(file: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            f = node.func
            yield node, f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else ""


def value_of(file: Path, expression: ast.expr) -> int | None:
    """A size that is a constant of its module; None where it follows from data (as many masks as values)."""
    module = import_module("ppc.runtime." + name(file).removesuffix(".py").replace("/", "."))
    try:
        found = eval(compile(ast.Expression(expression), name(file), "eval"), {"__builtins__": {}}, vars(module))
    except NameError:
        return None
    return found if isinstance(found, int) else None


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_generator_that_can_be_predicted(file: Path) -> None:
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES or ".random" in a.name]
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            own = node.module.startswith("ppc.") or node.module == "collections.abc"  # whose Generator draws nothing
            found += [node.module] if node.module.split(".")[0] in FORBIDDEN_MODULES else []
            found += [a.name for a in node.names if not own and a.name in FORBIDDEN_NAMES | {"random"}]
        if isinstance(node, ast.Attribute):
            library = isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "torch", "scipy")
            found += [ast.unparse(node)] if node.attr in FORBIDDEN_NAMES or (library and node.attr == "random") else []
    if name(file) in SIMULATION:
        assert found, "it is an exception no longer"
        return
    assert found == []


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_seed_or_key_below_256_bits(file: Path) -> None:
    for call, function in calls(file):
        if function in SOURCES and (call.args or call.keywords):
            size = value_of(file, call.args[0])
            short = size is not None and size < 32
            assert not short or (name(file), ast.unparse(call)) in SHORT, f"{ast.unparse(call)}, line {call.lineno}"
        if function == "HKDF":
            assert (value_of(file, call.args[1]) or 0) >= 32, f"line {call.lineno}"
        if function == "generate_private_key":
            assert ast.unparse(call) in (
                "ec.generate_private_key(ec.SECP256R1())",
                "ec.generate_private_key(ec.SECP384R1())",
            )
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id.endswith("KEY_BYTES"):
                    assert value_of(file, node.value) == 32, f"{target.id}, line {node.lineno}"


def test_every_exception_is_still_there() -> None:
    drawn = {(name(file), ast.unparse(call)) for file in FILES for call, _ in calls(file)}
    assert set(SHORT) <= drawn
    assert {name(file) for file in FILES} >= SIMULATION


def test_the_simulation_is_not_loaded_by_a_party() -> None:
    """`he/noise.py` has a generator with a seed, so nothing that a secure run imports may import it."""
    importers = {
        name(file)
        for file in FILES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ImportFrom) and node.module == "ppc.runtime.he.noise"
    }
    assert importers <= {"local.py", "he/simulate.py", "he/batch_simulate.py"}


@pytest.mark.parametrize(
    "line",
    [
        "import random", "from numpy.random import default_rng", "x = np.random.rand(3)", "torch.manual_seed(1)",
        "t.uniform_()", "from uuid import uuid4", "hashlib.sha1(b'')", "algorithms.AES(key)",
    ],
)  # fmt: skip
def test_the_scan_finds_what_it_is_for(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = ROOT / "planted.py"
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, *a, **k: line)
    tree.cache_clear()
    try:
        with pytest.raises(AssertionError):
            test_no_generator_that_can_be_predicted(file)
    finally:
        tree.cache_clear()


@pytest.mark.parametrize(
    "line", ["key = secrets.token_bytes(16)", "KEY_BYTES = 16", "HKDF(h, 16, None, b'').derive(k)"]
)
def test_the_scan_finds_short_keys(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.read_text", lambda self, *a, **k: line)
    tree.cache_clear()
    try:
        with pytest.raises(AssertionError):
            test_no_seed_or_key_below_256_bits(ROOT / "sealed.py")
    finally:
        tree.cache_clear()
