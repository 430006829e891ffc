"""Renders the Jinja texts and expressions of task templates in a sandbox; a missing name is an error.

render_text("Order {{ order_id }}", {"order_id": "A1"})      -> "Order A1"
render_value("{{ order.total }}", {"order": {"total": 5.0}})  -> 5.0   (one expression keeps its type)
render_value({"id": "{{ order_id }}"}, ...)                   -> every string in it rendered
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, UndefinedError, filters, meta
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEscapeFormatter, SandboxedFormatter
from markupsafe import Markup

from engine.errors import InputError
from engine.reading.json_value import leaves, writable, writable_below
from engine.types import TaskTemplate

MOST_BITS = 1 << 16
"""The most bits of a product or power of whole numbers; far more than the digits that JSON readers take."""
MOST_WIDTH = 1 << 20
"""The most characters or entries of a text or list that is repeated or padded."""
_UNREADABLE = (ValueError, ArithmeticError, RecursionError, MemoryError)
"""What Jinja raises besides TemplateSyntaxError while it parses a text, such as one that is nested too deeply."""
_FILLING = ("center", "ljust", "rjust", "zfill", "expandtabs")
"""The methods of a string that fill it up to a given width."""
_FILLING_FILTERS = ("batch", "center", "indent", "slice")
"""The filters that fill a text or list up to a given width, or give a list of a given length."""
_WIDTH = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\d+|\*)?(?:\.(\d+|\*))?")
"""One place of a `%` text; its groups are the width and the precision, in digits or `*`."""
_CACHED_TEXTS = 20_000
"""Each task of a batch renders the same texts again; all domains of the catalogue together have fewer than this."""


class _Bounded(ImmutableSandboxedEnvironment):
    """Refuses a product, power, repetition or padding that gets too large. Jinja does not constant-fold intercepted
    operators, so none is computed while a template compiles."""

    intercepted_binops = frozenset({"**", "*", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False, finalize=_refuse_unprintable
        )
        self.filters |= {name: _bounded(self.filters[name]) for name in _FILLING_FILTERS} | {"format": _format}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%":
            _bound_format(left, right)
        elif isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
            if bits > MOST_BITS and abs(left) > 1:  # the powers of 0, 1 and -1 stay small
                raise OverflowError(f"{operator} gives too large a number")
        elif operator == "*":
            for one, times in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(times, int):
                    _bound_width(len(one) * times)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(getattr(obj, "__self__", None), str) and obj.__name__ in _FILLING:
            for width in (*args, *kwargs.values()):
                _bound_width(width)
        return super().call(context, obj, *args, **kwargs)

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


class _BoundedFields:
    """Refuses a place of a `format` text, such as `{:>9}`, whose width or precision is too large."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        for digits in re.findall(r"\d+", format_spec):
            _bound_width(_whole_number(digits))
        return super().format_field(value, format_spec)  # type: ignore[misc]


class _Formatter(_BoundedFields, SandboxedFormatter): ...


class _EscapeFormatter(_BoundedFields, SandboxedEscapeFormatter): ...


def _refuse_unprintable(value: Any) -> Any:
    """Return the value itself. Raises TypeError for generators and functions: they would be printed as an address in
    memory, which differs in each process."""
    if isinstance(value, Iterator) or (callable(value) and not isinstance(value, Undefined)):
        raise TypeError(f"it gives a {type(value).__name__} and no value; a list is written with |list or |join")
    return value


def _bound_width(width: Any) -> None:
    if isinstance(width, int) and width > MOST_WIDTH:
        raise OverflowError(f"a text or list of more than {MOST_WIDTH:,} characters or entries is too long")


def _whole_number(digits: str) -> int:
    """Return a width; of a longer one the first 9 digits, which are too large already, because Python refuses to read
    thousands of them."""
    return int(digits[:9])


def _bound_format(text: Any, values: Any) -> None:
    """Refuse a `%` text whose widths are too large; a width of `*` stands among the values."""
    if not isinstance(text, str):
        return
    for width in (width for pair in _WIDTH.findall(text) for width in pair if width):
        given = values if isinstance(values, tuple) else (values,)
        for one in given if width == "*" else (_whole_number(width),):
            _bound_width(one)


def _format(value: str, *args: Any, **kwargs: Any) -> str:
    _bound_format(value, args)
    return filters.do_format(value, *args, **kwargs)


def _bounded(filter: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that refuses too large a number among its arguments."""

    @wraps(filter)
    def bounded(value: Any, *args: Any, **kwargs: Any) -> Any:
        for number in (*args, *kwargs.values()):
            _bound_width(number)
        return filter(value, *args, **kwargs)

    return bounded


_environment = _Bounded()
SPEAKER_NOT_KNOWN: dict[str, Any] = {"known": False}
"""Seen by `say`, `withhold.say` and `goal` beside the slots: no earlier request said who is speaking."""
NOT_JSON = "is no value that JSON can hold."
_NAME_IT = "Name a slot column, or save an earlier result under that name."
_ONE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


@lru_cache(maxsize=_CACHED_TEXTS)
def _template(source: str) -> Template:
    return _environment.from_string(source)


@lru_cache(maxsize=_CACHED_TEXTS)
def _expression(source: str) -> Callable[..., Any]:
    return _environment.compile_expression(source, undefined_to_none=False)


def _refusal(kind: str, source: str, problem: str, next_move: str) -> InputError:
    return InputError(f"template {kind} {source[:60]!r}", problem, next_move, source=source)


def render_text(source: str, values: Mapping[str, Any]) -> str:
    """Return the rendered text, stripped. Raises InputError for a missing name or a bad expression."""
    if "{" not in source:
        return source.strip()
    try:
        return _template(source).render(values).strip()
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
        found = _expression(whole.group(1).strip())(values)
        if isinstance(found, StrictUndefined):
            raise UndefinedError(found._undefined_message)
        if isinstance(found, int) and not writable(found):
            raise ValueError("it gives a number of more digits than JSON readers take")
        if not writable_below(_refuse_unprintable(found)):
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
