"""Renders the Jinja texts and expressions of task templates in a sandbox; a missing name is an error.

render_text("Order {{ order_id }}", {"order_id": "A1"})      -> "Order A1"
render_value("{{ order.total }}", {"order": {"total": 5.0}})  -> 5.0   (one expression keeps its type)
render_value({"id": "{{ order_id }}"}, ...)                   -> every string in it rendered
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, meta, nodes, pass_context
from jinja2 import pass_eval_context as pass_evaluation
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEscapeFormatter, SandboxedFormatter
from markupsafe import Markup

from engine.domains import template_steps, template_syntax
from engine.domains.template_steps import STEPS, refuse_unprintable
from engine.errors import InputError
from engine.reading.json_value import leaves, writable, writable_below
from engine.types import TaskTemplate

_UNREADABLE = (ValueError, ArithmeticError, RecursionError, MemoryError)
"""What is raised besides TemplateSyntaxError while a text is read, such as one that is nested too deeply."""
_CACHED_TEXTS = 20_000
"""Each task of a batch renders the same texts again; all domains of the catalogue together have fewer than this."""


class _Bounded(ImmutableSandboxedEnvironment):
    """Counts the steps of each rendering (template_steps.py) and bounds the syntax (template_syntax.py). Nothing is
    worked out while a text compiles."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=False,
            optimized=False,
            finalize=_written,  # takes the context, or Jinja would work out constants while it compiles
        )
        del self.globals["lipsum"]
        self.filters["random"] = template_syntax.random_filter
        for known in (self.filters, self.tests):
            for name, function in list(known.items()):
                known[name] = template_steps.counted_filter(name, function)
        self.filters[template_syntax.PASSES] = template_steps.passes
        self.filters[template_syntax.WEIGHED] = template_steps.weighed
        self.filters[template_syntax.JOINED] = _joined

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template_syntax.bound_source(source, self.lex(source))
        tree = super()._parse(source, name, filename)
        if not template_syntax.is_short(source):
            template_syntax.bound_tree(tree)
        return tree

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(template_syntax.count_steps(source, self), *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        template_steps.charge_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        template_steps.charge_call(obj, (*args, *kwargs.values()))
        if isinstance(getattr(obj, "__self__", None), str) and obj.__name__ == "join" and len(args) == 1:
            args = (template_steps.joined(obj.__self__, args[0]),)
        if not template_steps.nests(obj):
            return template_steps.weighed(super().call(context, obj, *args, **kwargs))
        if isinstance(obj, LoopContext) and args:
            args = (template_steps.passes(args[0]), *args[1:])
        with STEPS.deeper():
            return template_steps.weighed(super().call(context, obj, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Return what Jinja calls in place of a string's `format` or `format_map`; None for any other value."""
        if super().wrap_str_format(value) is None:
            return None
        source: str = value.__self__
        formatter = _EscapeFormatter(self, escape=source.escape) if isinstance(source, Markup) else _Formatter(self)

        def formatted(*args: Any, **kwargs: Any) -> str:
            return type(source)(formatter.vformat(source, args, kwargs))

        def formatted_from(values: Mapping[str, Any]) -> str:
            return type(source)(formatter.vformat(source, (), values))

        return formatted_from if value.__name__ == "format_map" else formatted


class _CountedFields:
    """Counts the places of a `format` text, such as `{:>9}`."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        template_steps.charge_field(value, format_spec)
        return super().format_field(value, format_spec)  # type: ignore[misc]


class _Formatter(_CountedFields, SandboxedFormatter): ...


class _EscapeFormatter(_CountedFields, SandboxedEscapeFormatter): ...


@pass_context
def _written(_: Context, value: Any) -> Any:
    """Return a value that a text writes. Raises TypeError for what has no text of its own."""
    return template_steps.weighed(value, written=True)


@pass_evaluation
def _joined(evaluation: EvalContext, parts: list[Any]) -> str:
    """Return what `~` gives."""
    listed = template_steps.joined("", parts)
    found: str = template_steps.weighed((markup_join if evaluation.autoescape else str_join)(listed))
    return found


_environment = _Bounded()
_plain_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False, finalize=refuse_unprintable
)
"""For texts that only name values (`template_syntax.is_plain`): their work is bounded by their length, and most texts
are such, so that nothing is counted for them."""
SPEAKER_NOT_KNOWN: dict[str, Any] = {"known": False}
"""Seen by `say`, `withhold.say` and `goal` beside the slots: no earlier request said who is speaking."""
NOT_JSON = "is no value that JSON can hold."
_NAME_IT = "Name a slot column, or save an earlier result under that name."
_ONE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


@lru_cache(maxsize=_CACHED_TEXTS)
def _template(source: str) -> tuple[Template, bool]:
    """Return a compiled text, and whether its steps are counted."""
    plain = template_syntax.is_plain(source)
    return (_plain_environment if plain else _environment).from_string(source), not plain


@lru_cache(maxsize=_CACHED_TEXTS)
def _expression(source: str) -> Callable[..., Any]:
    if template_syntax.is_plain_expression(source):
        return _plain_environment.compile_expression(source, undefined_to_none=False)
    if not template_syntax.is_short(source):
        _environment.parse("{{" + source + "}}")  # which refuses too much of it; an expression is parsed without that
    return _environment.compile_expression(source, undefined_to_none=False)


def _refusal(kind: str, source: str, problem: str, next_move: str) -> InputError:
    return InputError(f"template {kind} {source[:60]!r}", problem, next_move, source=source)


def render_text(source: str, values: Mapping[str, Any]) -> str:
    """Return the rendered text, stripped. Raises InputError for a missing name or a bad expression."""
    if "{" not in source:
        return source.strip()
    try:
        template, counted = _template(source)
        if counted:
            STEPS.start(source)
        return template.render(values).strip()
    except Exception as error:  # a filter raises whatever the values make it raise
        raise _refusal("text", source, f"{error or type(error).__name__}.", "Correct the expression.") from error


def render_value(source: Any, values: Mapping[str, Any]) -> Any:
    """Return `source` with every string in it rendered; a string that is one expression keeps the type of its value.
    Raises InputError, also for a value that JSON cannot hold."""
    if isinstance(source, Mapping):
        return {key: render_value(entry, values) for key, entry in source.items()}
    if isinstance(source, list | tuple):
        return [render_value(entry, values) for entry in source]
    if not isinstance(source, str):
        if not writable_below(source):
            raise InputError(f"template value {str(source)[:60]!r}", NOT_JSON, "Write another one.")
        return source
    if "{" not in source:
        return source
    whole = _ONE_EXPRESSION.fullmatch(source)
    if not whole:
        return render_text(source, values)
    try:
        STEPS.start(source)
        found = _expression(whole.group(1).strip())(values)
        if isinstance(found, StrictUndefined):
            raise UndefinedError(found._undefined_message)
        if isinstance(found, int) and not writable(found):
            raise ValueError("it gives a number of more digits than JSON readers take")
        if not writable_below(refuse_unprintable(found)):
            raise ValueError(f"it gives a {type(found).__name__} that JSON cannot hold")
    except Exception as error:  # as in `render_text`
        raise _refusal("expression", source, f"{error or type(error).__name__}.", "Correct the expression.") from error
    return found


@lru_cache(maxsize=_CACHED_TEXTS)
def names_in(source: str) -> frozenset[str]:
    """Return the names that a text uses. Raises InputError for a text that cannot be parsed."""
    if "{" not in source:
        return frozenset()
    try:
        return frozenset(meta.find_undeclared_variables(_environment.parse(source)))
    except TemplateSyntaxError as error:
        raise _refusal("text", source, f"{error.message}.", "Correct the Jinja syntax.") from error
    except _UNREADABLE as error:
        raise _refusal("text", source, f"{error or type(error).__name__}.", "Correct the expression.") from error


def names_below(source: Any) -> frozenset[str]:
    """Return the names that the strings in a value use."""
    if isinstance(source, str):
        return names_in(source)
    if isinstance(source, Mapping):
        return frozenset().union(*(names_below(entry) for entry in source.values()))
    if isinstance(source, list | tuple):
        return frozenset().union(*(names_below(entry) for entry in source))
    return frozenset()


def name_faults(template: TaskTemplate, slots: Iterable[str]) -> list[tuple[tuple[int | str, ...], str, str]]:
    """Return (path, problem, next move) for every text that cannot be parsed, and for every name in a text that is
    neither a slot nor a result saved earlier."""
    known = set(slots)
    found: list[tuple[tuple[int | str, ...], str, str]] = []

    def check(where: tuple[int | str, ...], source: Any, allowed: set[str]) -> None:
        for path, text in leaves(source, where):
            try:
                missing = sorted(names_in(text) - allowed)
            except InputError as error:
                found.append((path, error.problem, error.next_move))
                continue
            found.extend((path, f"{name!r} is neither a slot nor a saved result.", _NAME_IT) for name in missing)

    asked = known | SPEAKER_NOT_KNOWN.keys()
    check(("goal",), template.goal, asked)
    saved: set[str] = set()
    for number, turn in enumerate(template.turns):
        at = ("turns", number)
        check((*at, "goal"), turn.goal, asked)
        check((*at, "say"), turn.say, asked)
        if turn.withhold:
            for field in ("say", "ask", "reveal"):
                allowed = asked if field == "say" else known
                check((*at, "withhold", field), getattr(turn.withhold, field), allowed)
        for chain in ("user_chain", "chain"):
            for position, step in enumerate(getattr(turn, chain)):
                check((*at, chain, position, "arguments"), step.arguments, known | saved)
                if step.save:
                    saved.add(step.save)
        check((*at, "answer"), turn.answer, known | saved)
        check((*at, "facts"), turn.facts, known | saved)
    for path, text in template.rubric.texts() if template.rubric else ():
        check(("rubric", *path), text, known)
    return found
