"""Bounds the syntax of template texts, and has their loops and operators count their steps.

is_plain(source)                whether a text only names values, so that none of this is needed
bound_source(source, tokens)    before Jinja reads a text: its length and nesting
bound_tree(tree)                after that: nodes, levels, and what draws by chance
count_steps(tree, environment)  before it is compiled
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer

from engine.domains.template_steps import TooMuch

MOST_CHARACTERS = 1 << 16
MOST_NODES = 5_000
MOST_LEVELS = 100
"""Levels of the syntax tree: a sum of n numbers has n."""
MOST_OPEN = 30
"""Brackets or blocks within each other, and signs or `else` in a row, which Jinja's parser reads by calling itself."""
PASSES, JOINED, WEIGHED = " passes", " joined", " weighed"
"""Filters that no text can name, because of the space."""
_SURELY_SHORT = 200
_BY_CHANCE = re.compile("random|lipsum")
_OPENING = re.compile(r"[(\[{]")
_BLOCKS = frozenset({"autoescape", "block", "call", "filter", "for", "if", "macro", "with"})
"""Statements with a body. `set` may have one, so its levels are counted in the tree."""
_NAME = r"[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){0,9}"
_PLAIN_NAME = re.compile(_NAME)
_PLAIN_PART = re.compile(rf"\{{\{{-? *{_NAME} *-?\}}\}}|\{{%-? *(?:if (?:not )?{_NAME}|else|endif) *-?%\}}")
_PLAIN_CHARACTERS = 2_000
_CHANCE = "draws by chance, and a plan must be the same for the same seed"


class Chance(ValueError):
    """A text asks for a value that differs at each rendering."""


def is_plain(source: str) -> bool:
    """Return whether a text holds nothing but names of values, such as `{{ order.id }}`, and `{% if name %}`."""
    return (
        len(source) <= _PLAIN_CHARACTERS and source.count("{%") <= MOST_OPEN and "{" not in _PLAIN_PART.sub("", source)
    )


def is_plain_expression(source: str) -> bool:
    """Return whether an expression is nothing but the name of a value."""
    return _PLAIN_NAME.fullmatch(source) is not None


def is_short(source: str) -> bool:
    """Return whether a text is so short that its tree is within the bounds, and draws nothing by chance."""
    return len(source) <= _SURELY_SHORT and not _BY_CHANCE.search(source) and len(_OPENING.findall(source)) <= MOST_OPEN


def bound_source(source: str, tokens: Iterable[tuple[int, str, str]]) -> None:
    """Refuse a text that is too long, or nested so deeply that reading it takes too many levels of calls. The tokens
    (line, kind, text) are read only where the text may be."""
    if len(source) > MOST_CHARACTERS:
        raise TooMuch(f"it has more than {MOST_CHARACTERS:,} characters")
    if is_short(source):
        return
    brackets = blocks = row = branches = 0
    first = False
    for _, kind, text in tokens:
        if kind == "whitespace":
            continue
        if kind in ("variable_begin", "variable_end", "block_begin", "block_end"):
            brackets = row = branches = 0
        elif first and kind == "name":
            blocks += (text in _BLOCKS) - (text.startswith("end") and text[3:] in _BLOCKS)
        elif kind == "operator" and text in "([{":
            brackets += 1
        elif kind == "operator" and text in ")]}":
            brackets -= 1
        branches += text == "else"
        row = row + 1 if text in ("not", "-", "+") else 0
        first = kind == "block_begin"
        if max(brackets, blocks, row, branches) > MOST_OPEN:
            raise TooMuch(f"it is nested too deeply: more than {MOST_OPEN} brackets, blocks or signs within each other")


def bound_tree(tree: nodes.Template) -> None:
    """Refuse a text with too large a syntax tree, or one that draws by chance."""
    count, level = 0, [tree]  # no recursion: the tree may be deeper than Python calls
    for _ in range(MOST_LEVELS):
        below: list[Any] = []
        for node in level:
            if isinstance(node, nodes.Filter) and node.name == "random":
                raise Chance(f"the filter random {_CHANCE}; draw the value in a slot")
            if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "lipsum":
                raise Chance(f"lipsum() {_CHANCE}; write the text")
            below.extend(node.iter_child_nodes())
        count += len(below)
        if count > MOST_NODES:
            raise TooMuch(f"it has more than {MOST_NODES:,} parts")
        if not below:
            return
        level = below
    raise TooMuch(f"it is nested too deeply: more than {MOST_LEVELS} levels")


def random_filter(*_: Any) -> Any:
    """Stand for the filter `random` where its name is worked out (`map('random')`)."""
    raise Chance(f"the filter random {_CHANCE}; draw the value in a slot")


def count_steps(tree: nodes.Template, environment: Environment) -> nodes.Template:
    """Return the tree with a filter around everything whose work no filter, call or operator of its own counts."""
    found: nodes.Template = _Counting(environment).visit(tree)
    return found


class _Counting(NodeTransformer):
    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def _filter(self, node: nodes.Expr, name: str) -> nodes.Filter:
        found = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
        found.environment = self._environment
        return found

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        node.iter = self._filter(node.iter, PASSES)  # type: ignore[arg-type]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:
        self.generic_visit(node)
        return self._filter(nodes.List(node.nodes, lineno=node.lineno), JOINED)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        self.generic_visit(node)
        if not isinstance(node.expr, nodes.Const):
            node.expr = self._filter(node.expr, WEIGHED)
        for operand in node.ops:
            if not isinstance(operand.expr, nodes.Const):
                operand.expr = self._filter(operand.expr, WEIGHED)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):  # a copy
            node.node = self._filter(node.node, WEIGHED)
        return node

    def _literal(self, node: Any) -> Any:
        self.generic_visit(node)
        plain = all(isinstance(item, nodes.Const) for item in getattr(node, "items", ()))
        return node if plain or getattr(node, "ctx", "load") != "load" else self._filter(node, WEIGHED)

    visit_List = visit_Tuple = visit_Dict = _literal
