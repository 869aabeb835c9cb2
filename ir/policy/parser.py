"""Text -> Policy. Raises UserError: PPC2001 (syntax), PPC2002 (a word that names nothing), PPC2003 (a party that the
policy does not have), PPC2004 (an empty reason), PPC2005 (two statements that contradict each other)."""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, Tree, v_args
from lark.exceptions import UnexpectedInput, VisitError
from lark.tree import Meta

from ppc.ir.diagnostic import UserError, fail
from ppc.ir.objective import MEASURES
from ppc.ir.policy import ast
from ppc.ir.policy.consistent import check_consistent
from ppc.ir.syntax import at, explain, suggest
from ppc.ir.types import Domain

DOMAINS = {d.value: d for d in Domain}

#: A policy is written by people; what is longer than this is something else.
LONGEST = 1_000_000


def parse_policy(text: str, source: str = "policy") -> ast.Policy:
    """Read a policy. `source` names the text in diagnostics and in the report."""
    policy = ast.Policy(_statements(_tree(text, source), text, source), source)
    check_consistent(policy)
    return policy


def statement_spans(text: str, source: str) -> list[tuple[int, int]]:
    """Where each statement stands in the text, from its first character to behind its last. Raises UserError as
    `parse_policy` does, but for contradictions between statements."""
    tree = _tree(text, source)
    _statements(tree, text, source)  # words and numbers are judged there
    return [(line.meta.start_pos, line.meta.end_pos) for line in tree.children if isinstance(line, Tree)]


def _tree(text: str, source: str) -> Tree[Token]:
    if len(text) > LONGEST:
        raise fail("PPC2001", f"{len(text)} characters is more than a policy may have ({LONGEST})", source=source)
    try:
        return _grammar().parse(text)
    except UnexpectedInput as e:
        raise explain("PPC2001", e, text, source, _TERMINALS) from None


def _statements(tree: Tree[Token], text: str, source: str) -> tuple[ast.Statement, ...]:
    try:
        return _Build(text, source).transform(tree)
    except VisitError as e:
        if isinstance(e.orig_exc, UserError):
            raise e.orig_exc from None
        raise


@cache
def _grammar() -> Lark:
    grammar = files("ppc.ir.policy").joinpath("policy.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="policy", parser="lalr", maybe_placeholders=True, propagate_positions=True)


_TERMINALS = {"STRING": 'a "name"', "WORD": "a name", "STAR": "*", "NUMBER": "a number", "$END": "the end"}


@v_args(inline=True)
class _Build(Transformer[Token, tuple[ast.Statement, ...]]):
    def __init__(self, text: str, source: str):
        super().__init__(visit_tokens=True)
        self._fail = partial(at, text=text, source=source)
        self._text, self._source = text, source

    # tokens
    def STRING(self, t: Token) -> Token:
        try:
            return t.update(value=json.loads(t, strict=False))
        except ValueError:
            raise self._fail("PPC2001", t, f"{t} is not a string: write \\\\ for a backslash") from None

    def _pick(self, known: Iterable[str], t: Token, what: str) -> str:
        known = list(known)
        if t not in known:
            help = suggest(t, known) or f"known: {', '.join(known)}"
            raise self._fail("PPC2002", t, f"there is no {what} '{t}'", help=help)
        return str(t)

    def _quantity(self, number: Token, unit: Token | None, base: str, what: str) -> float:
        units = ast.UNITS[base]
        if unit is None and base:
            help = f"write one of {', '.join(units)} after the number"
            raise self._fail("PPC2002", number, f"{what} {number} has no unit", help=help)
        x = float(number) * units[self._pick(units, unit, "unit of " + what) if unit is not None else ""]
        if not 0 < x < float("inf"):
            raise self._fail("PPC2002", number, f"{what} must be a positive number")
        return x

    def _because(self, reason: Token) -> str:
        if not reason.strip():
            raise self._fail("PPC2004", reason, "a reveal must say why", help='because "..." is read by an auditor')
        return str(reason)

    # parts
    def party(self, name: Token, role: Token | None) -> ast.Party:
        return ast.Party(str(name), self._pick(ast.ROLES, name if role is None else role, "role"))

    def secret(self, owner: Token) -> str:
        return str(owner)

    def public(self) -> None:
        return None

    because = _because

    def patterns(self, *patterns: Token) -> tuple[str, ...]:
        return tuple(map(str, patterns))

    def names(self, *names: Token) -> tuple[str, ...]:
        return tuple(map(str, names))

    def word(self, t: Token) -> Token:
        return t

    def domains(self, *words: Token) -> tuple[Domain, ...]:
        return tuple(self._domain(w) for w in words)

    def _domain(self, t: Token) -> Domain:
        return DOMAINS[self._pick(DOMAINS, t, "domain")]

    def of_input(self) -> str:
        return "input"

    def of_weight(self) -> str:
        return "weight"

    def of_node(self) -> str:
        return "node"

    def of_operator(self) -> str:
        return "operator"

    def measure(self, t: Token) -> str:
        return self._pick(ast.MEASURES, t, "measure")

    def limit(self, measure: str, number: Token, unit: Token | None) -> ast.Limit:
        return ast.Limit(measure, self._quantity(number, unit, ast.MEASURES[measure], measure))

    # statements
    def policy(self, *lines: tuple[ast.Statement, ...]) -> tuple[ast.Statement, ...]:
        return tuple(s for line in lines for s in line)

    @v_args(meta=True, inline=False)
    def line(self, meta: Meta, children: list[Any]) -> tuple[ast.Statement, ...]:
        found = children[0] if isinstance(children[0], tuple) else (children[0],)
        text = " ".join(self._text[meta.start_pos : meta.end_pos].split())
        return tuple(replace(s, at=ast.Line(self._source, meta.line, meta.column, text)) for s in found)

    def parties(self, *parties: ast.Party) -> tuple[ast.Statement, ...]:
        return parties

    def limits(self, *limits: ast.Limit) -> tuple[ast.Statement, ...]:
        return limits

    def input(self, patterns: tuple[str, ...], owner: str | None) -> ast.Statement:
        return ast.Owned("input", patterns, owner)

    def weight(self, patterns: tuple[str, ...], owner: str | None) -> ast.Statement:
        return ast.Owned("weight", patterns, owner)

    def output(self, patterns: tuple[str, ...], parties: tuple[str, ...], because: str) -> tuple[ast.Statement, ...]:
        return tuple(ast.Reveal(patterns, party, because, output=True) for party in parties)

    def reveal(self, patterns: tuple[str, ...], parties: tuple[str, ...], because: str) -> tuple[ast.Statement, ...]:
        return tuple(ast.Reveal(patterns, party, because, output=False) for party in parties)

    def trust(self, party: Token, level: Token) -> ast.Statement:
        return ast.Trust(str(party), self._pick(ast.TRUST, level, "degree of trust"))

    def assume_tee(self, _: Token, hardware: Token, measured: Token) -> ast.Statement:
        if not measured.strip():
            raise self._fail("PPC2004", measured, "an attested enclave needs its measurement")
        return ast.AssumeTee(self._pick(ast.HARDWARE, hardware, "attested hardware"), str(measured))

    def see_activations(self, party: Token, because: str) -> ast.Statement:
        return ast.SeeActivations(str(party), because)

    def simulated_tee(self, _: Token) -> ast.Statement:
        return ast.AllowSimulatedTee()

    def plan_parameters(self, because: str) -> ast.Statement:
        return ast.AllowParameters(because)

    def allow(self, domains: tuple[Domain, ...], scope: str | None, patterns: tuple[str, ...] | None) -> ast.Statement:
        return ast.Allow(domains, scope, patterns or ())

    def deny(self, domains: tuple[Domain, ...], scope: str | None, patterns: tuple[str, ...] | None) -> ast.Statement:
        return ast.Deny(domains, scope, patterns or ())

    def place(self, scope: str, patterns: tuple[str, ...], domain: Token) -> ast.Statement:
        return ast.Place(scope, patterns, self._domain(domain))

    def security(self, bits: Token) -> ast.Statement:
        if not bits.isdigit() or not 0 < int(bits) <= 256:
            raise self._fail("PPC2002", bits, "security is a number of bits from 1 to 256")
        return ast.Security(int(bits))

    def non_interactive(self) -> ast.Statement:
        return ast.NonInteractive()

    def integrity(self, patterns: tuple[str, ...], parties: tuple[str, ...]) -> ast.Statement:
        return ast.Integrity(patterns, parties)

    def error_limit(self, _: Token, number: Token) -> ast.Statement:
        return ast.Limit("error", self._quantity(number, None, "", "error"))

    def weighted(self, measure: Token, weight: Token | None) -> tuple[Token, float]:
        self._pick(MEASURES, measure, "measure of an objective")
        return measure, 1.0 if weight is None else self._quantity(weight, None, "", "weight")

    def objective(self, total: Token | None, *weights: tuple[Token, float]) -> ast.Statement:
        for i, (measure, _) in enumerate(weights):
            if measure in (m for m, _ in weights[:i]):
                raise self._fail("PPC2005", measure, f"an objective weighs {measure} once")
        return ast.ObjectiveIs(tuple((str(m), weight) for m, weight in weights), total is not None)

    def price(self, what: Token, number: Token, unit: Token) -> ast.Statement:
        due, _ = ast.TARIFF[self._pick(ast.TARIFF, what, "price")]
        self._pick([due], unit, "unit of the price of " + what)
        return ast.Price(str(what), self._quantity(number, None, "", "price"))

    def prices(self, *prices: ast.Statement) -> tuple[ast.Statement, ...]:
        return prices

    def network(self, name: Token, bw: Token | None, bits: Any, rtt: Token | None, unit: Any) -> ast.Statement:
        bandwidth = None if bw is None else self._quantity(bw, bits, "bps", "bandwidth")
        seconds = None if rtt is None else self._quantity(rtt, unit, "s", "rtt")
        if name not in ("lan", "wan") and (bandwidth is None or seconds is None):
            help = f"network {name} bandwidth 100 Mbps rtt 40 ms"
            raise self._fail(
                "PPC2002", name, f"network '{name}' is no preset (lan, wan): say how fast it is", help=help
            )
        return ast.NetworkIs(str(name), bandwidth, seconds)
