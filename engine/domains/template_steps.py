"""Counts the steps of one rendering, so that no text of a pack takes for ever or fills the memory.

    STEPS.start(source)    what this thread renders from here on raises TooMuch when it takes more than MOST_STEPS

A step is a pass of a loop, a call, an operator, a filter or a test; one entry of a list or mapping that these read or
make; and each UNIT characters of a text or bits of a number. What grows by multiplication (padding, `*`, `replace`,
`join`) is counted before it is made. No clock is read, so the same text with the same values gives the same result on
every machine. What each method and filter costs is here; where they are called is in templates.py.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

from jinja2 import Undefined
from jinja2.runtime import BlockReference, LoopContext, Macro
from jinja2.utils import Namespace

MOST_STEPS = 1_000_000
"""Steps of one rendering. The texts of the catalogue take some hundreds; so many take about a second."""
UNIT = 16
"""Characters of a text, or bits of a whole number, that count as one step."""
MOST_DEPTH = 20
"""Macros, blocks and recursive loops within each other."""
MOST_LEVELS = 100
"""Lists and mappings within each other."""
MOST_BITS = 1 << 16
"""The most bits of a product or power of whole numbers; far more than the digits that JSON readers take."""
MOST_WIDTH = 1 << 20
"""The most characters or entries of a text or list that is repeated or padded."""
_MOST_PRECISION = 400
_MOST_INDENT = 80
_MOST_PATH = 200
"""Characters of an attribute such as `customer.name`, which a filter looks up for every entry."""
_SEARCHED = 1024
"""Comparisons of characters, in a search whose cost may be the product of two lengths, that count as one step."""
_WIDTH = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\d+|\*)?(?:\.(\d+|\*))?")
"""One place of a `%` text; its groups are the width and the precision, in digits or `*`."""
_EMPTY: dict[str, Any] = {}
_VIEWS = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
_SEQUENCES = (list, tuple, *_VIEWS)
_CONTAINERS = (*_SEQUENCES, dict, Namespace)


class TooMuch(ValueError):
    """A text takes more work or memory than a rendering may."""


class _Steps(threading.local):
    """The steps that are left to the rendering of this thread."""

    left = 0
    depth = 0
    a_pass = 1
    """The steps of one pass of a loop, or one call of a macro: its body is no longer than the whole text."""

    def start(self, source: str) -> None:
        """Give the rendering of a text its steps."""
        self.left, self.depth, self.a_pass = MOST_STEPS, 0, 1 + len(source) // UNIT

    def spend(self, steps: int) -> None:
        """Take steps. Raises TooMuch when not so many are left."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch(f"it takes more than {MOST_STEPS:,} steps")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Enter a macro, block or recursive loop. Raises TooMuch when too many are open."""
        if self.depth >= MOST_DEPTH:
            raise TooMuch(f"more than {MOST_DEPTH} macros or recursive loops are open within each other")
        self.spend(self.a_pass)
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


STEPS = _Steps()


# ---------------------------------------------------------------- weights


def weight(value: Any, *, written: bool = False) -> int:
    """Return the steps that reading a value takes, with all that is in it; what stands in it twice counts twice.

    Raises TooMuch for more than are left, TypeError for a value that is `written` and has no text of its own.
    """
    if isinstance(value, str):
        return 1 + len(value) // UNIT
    if isinstance(value, int):
        return 1 + value.bit_length() // UNIT
    if isinstance(value, _CONTAINERS):
        return _weight_below(value, written)
    if written:
        refuse_unprintable(value)
    return 1 + len(value) if isinstance(value, range | bytes) else 1


def _weight_below(value: Any, written: bool) -> int:
    """Return the weight of a list or mapping, one level after the other."""
    total, level = 0, [value]
    for _ in range(MOST_LEVELS):
        below: list[Any] = []
        for one in level:
            if isinstance(one, Namespace):
                one = one._Namespace__attrs
            if isinstance(one, _SEQUENCES):
                total += 1
                below.extend(one)
            elif isinstance(one, dict):
                total += 1
                below.extend(one)
                below.extend(one.values())
            else:
                total += weight(one, written=written)
            if total + len(below) > STEPS.left:
                STEPS.spend(total + len(below))
        if not below:
            return total
        level = below
    raise TooMuch(f"more than {MOST_LEVELS} lists and mappings are within each other")


def refuse_unprintable(value: Any) -> Any:
    """Return the value itself. Raises TypeError for generators, functions and other things that would be printed as an
    address in memory, which differs in each process."""
    kind: Any = type(value)
    nameless = kind.__repr__ is object.__repr__
    if isinstance(value, Iterator) or ((nameless or callable(value)) and not isinstance(value, Undefined)):
        raise TypeError(f"it gives a {type(value).__name__} and no value; a list is written with |list or |join")
    return value


def weighed(value: Any, *, written: bool = False) -> Any:
    """Return the value itself after its steps are taken. Raises as `weight`."""
    if value is not True and value is not False:
        STEPS.spend(weight(value, written=written))
    return value


def passes(iterable: Any) -> Any:
    """Return what a loop goes over, after the steps of its passes are taken; of a generator each takes its own."""
    if isinstance(iterable, Iterator):
        return _each(iterable, STEPS.a_pass)
    if hasattr(type(iterable), "__len__"):
        STEPS.spend(STEPS.a_pass * len(iterable))
    return iterable


def _each(iterator: Iterator[Any], steps: int = 1) -> Iterator[Any]:
    for one in iterator:
        STEPS.spend(steps)
        yield one


# ---------------------------------------------------------------- operators


def charge_operator(operator: str, left: Any, right: Any) -> None:
    """Take the steps of an arithmetic operator, and refuse one whose result is too large."""
    weights = weight(left), weight(right)
    STEPS.spend(sum(weights))
    if operator == "%" and isinstance(left, str):
        charge_format(left, right)
    elif operator in ("*", "**") and isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        if bits > MOST_BITS and abs(left) > 1:  # the powers of 0, 1 and -1 stay small
            raise TooMuch(f"{operator} gives too large a number")
    elif operator == "*":
        for one, heavy, times in ((left, weights[0], right), (right, weights[1], left)):
            if isinstance(one, str | list | tuple | bytes) and isinstance(times, int):
                bound_width(len(one) * times)
                STEPS.spend(heavy * max(times, 0) if not isinstance(one, str) else len(one) * max(times, 0) // UNIT)


def bound_width(width: Any) -> None:
    """Refuse a number that is too large for a width; anything else is none."""
    if isinstance(width, int) and width > MOST_WIDTH:
        raise TooMuch(f"a text or list of more than {MOST_WIDTH:,} characters or entries is too long")


def whole_number(digits: str) -> int:
    """Return a width; of a longer one the first 9 digits, which are too large already, because Python refuses to read
    thousands of them."""
    return int(digits[:9])


def charge_format(text: Any, values: Any) -> None:
    """Take the steps of a `%` text, and refuse one whose widths are too large; a width of `*` stands among the
    values."""
    if not isinstance(text, str):
        return
    given = values if isinstance(values, tuple) else (values,)
    widest = max((abs(one) for one in given if isinstance(one, int)), default=0)
    places = _WIDTH.findall(text)
    widths = sum(widest if width == "*" else whole_number(width) for pair in places for width in pair if width)
    bound_width(widths)
    every = len(places) if isinstance(values, Mapping) else 1  # a mapping's entry may be named again and again
    STEPS.spend(every * weight(values, written=True) + widths // UNIT)


def charge_field(value: Any, format_spec: str) -> None:
    """Take the steps of one place of a `format` text, such as `{:>9}`, and refuse too large a width or precision."""
    widths = sum(whole_number(digits) for digits in re.findall(r"\d+", format_spec))
    bound_width(widths)
    STEPS.spend(weight(value, written=True) + widths // UNIT)


# ---------------------------------------------------------------- methods

_METHODS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (
        str,
        frozenset(
            """capitalize casefold center count endswith escape expandtabs find format format_map index isalnum isalpha
            isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust
            lower lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split
            splitlines startswith strip striptags swapcase title unescape upper zfill""".split()  # noqa: SIM905
        ),
    ),
    ((bool, int), frozenset({"as_integer_ratio", "bit_count", "bit_length", "conjugate"})),
    (float, frozenset({"as_integer_ratio", "conjugate", "hex", "is_integer"})),
    ((list, tuple, range), frozenset({"copy", "count", "index"})),
    (dict, frozenset({"copy", "get", "items", "keys", "values"})),
)
"""The methods of values that a template may call: those whose cost is known here."""
_FILLING = ("center", "ljust", "rjust", "zfill")


def charge_call(obj: Any, args: Sequence[Any]) -> None:
    """Take the steps of a call, and refuse a method that could fill the memory."""
    STEPS.spend(1 + sum(map(weight, args)))
    owner = getattr(obj, "__self__", None)
    for kinds, names in _METHODS:
        if isinstance(owner, kinds):
            if obj.__name__ not in names:
                raise TooMuch(f"the method {obj.__name__} is not offered in templates")
            STEPS.spend(weight(owner))
            if isinstance(owner, str):
                _charge_text_method(owner, obj.__name__, args)
            return
    if isinstance(owner, bytes | type) and not isinstance(owner, Undefined):
        raise TooMuch(f"the method {obj.__name__} is not offered in templates")


def _charge_text_method(text: str, name: str, args: Sequence[Any]) -> None:
    if name in _FILLING:
        for width in args:
            _charge_width(width)
    elif name == "expandtabs":
        for width in args:
            _charge_width(width, text.count("\t"))
    elif name == "replace" and len(args) >= 2:
        _charge_replace(text, args[0], args[1])
    elif name != "join":
        _charge_search(text, args)


def _charge_width(width: Any, times: int = 1) -> None:
    bound_width(width)
    if isinstance(width, int):
        STEPS.spend(max(width, 0) * times // UNIT)


def _charge_replace(text: str, old: Any, new: Any) -> None:
    if isinstance(old, str) and isinstance(new, str):
        _charge_search(text, (old,))
        found = text.count(old) if old else len(text) + 1
        STEPS.spend(found * len(new) // UNIT)


def _charge_search(text: str, sought: Sequence[Any]) -> None:
    for one in sought:
        for part in one if isinstance(one, tuple) else (one,):
            if isinstance(part, str):
                STEPS.spend(len(text) * len(part) // _SEARCHED)


def joined(separator: str, parts: Any) -> list[Any]:
    """Return the parts that a `join` writes, after its steps are taken."""
    listed = list(passes(parts))
    STEPS.spend(weight(listed, written=True) + len(listed) * len(separator) // UNIT)
    return listed


def nests(obj: Any) -> bool:
    """Return whether a call of this runs a part of the template again."""
    return isinstance(obj, Macro | BlockReference | LoopContext)


# ---------------------------------------------------------------- filters and tests


class _Given(NamedTuple):
    """What a filter is given: its value, and its arguments by place or name."""

    value: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        return self.args[place] if len(self.args) > place else self.kwargs.get(name, default)

    @property
    def every(self) -> tuple[Any, ...]:
        return (*self.args, *self.kwargs.values())

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else str(self.value)


def _center(given: _Given) -> None:
    for width in given.every:
        _charge_width(width)


def _rows(given: _Given) -> None:
    for number in given.every:
        _charge_width(number, UNIT)


def _indent(given: _Given) -> None:
    width = given.argument(0, "width", 4)
    _charge_width(len(width) if isinstance(width, str) else width, len(given.text.splitlines()) + 1)


def _wordwrap(given: _Given) -> None:
    between = given.argument(2, "wrapstring")
    _charge_width(len(between) if isinstance(between, str) else 1, len(given.text) + 1)


def _replace(given: _Given) -> None:
    _charge_replace(given.text, str(given.argument(0, "old", "")), str(given.argument(1, "new", "")))


def _trim(given: _Given) -> None:
    _charge_search(given.text, given.every)


def _square(given: _Given) -> None:
    STEPS.spend(len(given.text) ** 2 // _SEARCHED)


def _urlize(given: _Given) -> None:
    _square(given)
    STEPS.spend(len(given.text) // 4 * sum(map(weight, given.every)))


def _in_lines(given: _Given) -> None:
    indent = given.argument(0, "indent", 0)
    if isinstance(indent, int) and indent > _MOST_INDENT:
        raise TooMuch(f"an indent of more than {_MOST_INDENT} is too wide")
    STEPS.spend(weight(given.value) * 20)


def _round(given: _Given) -> None:
    precision = given.argument(0, "precision", 0)
    if isinstance(precision, int) and abs(precision) > _MOST_PRECISION:
        raise TooMuch(f"a precision of more than {_MOST_PRECISION} digits is too fine")


def _format(given: _Given) -> None:
    charge_format(given.value, given.args or dict(given.kwargs))


def _by_attribute(given: _Given) -> None:
    if any(isinstance(one, str) and len(one) > _MOST_PATH for one in given.every):
        raise TooMuch(f"a text of more than {_MOST_PATH} characters is no attribute")


_CHARGES: dict[str, Callable[[_Given], None]] = {
    "batch": _rows, "center": _center, "format": _format, "indent": _indent, "pprint": _in_lines, "replace": _replace,
    "round": _round, "slice": _rows, "striptags": _square, "tojson": _in_lines, "trim": _trim, "urlize": _urlize,
    "wordwrap": _wordwrap,
    **dict.fromkeys(("groupby", "map", "max", "min", "reject", "rejectattr", "select", "selectattr", "sort", "unique"),
                    _by_attribute),
}  # fmt: skip
"""What filters cost beyond what they read and give."""
_WRITING = frozenset(
    """capitalize center e escape forceescape format indent lower pprint replace safe string striptags title trim
    truncate upper urlencode urlize wordcount wordwrap xmlattr""".split()  # noqa: SIM905
)
"""The filters that make a text of whatever they are given."""


def counted_filter(name: str, filter: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter or test that takes its steps."""
    before = 1 if hasattr(filter, "jinja_pass_arg") else 0  # a context, which Jinja gives first
    charge = _CHARGES.get(name)
    written = name in _WRITING

    @wraps(filter)
    def counted(*args: Any, **kwargs: Any) -> Any:
        given = _Given(args[before], args[before + 1 :], kwargs)
        STEPS.spend(weight(given.value, written=written) + sum(map(weight, given.every)))
        if charge is not None and not isinstance(given.value, Undefined):
            charge(given)
        elif name in ("join", "sum"):
            args = (*args[:before], _listed(name, given), *args[before + 1 :])
        found = filter(*args, **kwargs)
        return _each(found) if isinstance(found, Iterator) else weighed(found)

    return counted


def _listed(name: str, given: _Given) -> Any:
    """Return the entries that `join` or `sum` is given as a list, after its steps are taken."""
    if isinstance(given.value, Undefined) or not hasattr(type(given.value), "__iter__"):
        return given.value
    _by_attribute(_Given(None, given.args[:0], {"attribute": given.kwargs.get("attribute")}))
    if name == "join":
        return joined(str(given.argument(0, "d", "")), given.value)
    found = list(given.value)
    if not isinstance(given.argument(1, "start", 0), int | float):  # a sum of lists copies what it has at each step
        STEPS.spend(weight(found) * (1 + len(found) // UNIT))
    return found
