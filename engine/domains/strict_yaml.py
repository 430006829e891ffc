"""Reads YAML strictly: what one reader takes for another value than the next is refused with its line.

Refused are keys that stand twice or are no text or whole number (`yes:`), aliases (`*name`, a few lines of which can
stand for billions), numbers such as 010 and 1:30, and deep nesting. Dates, and numbers that JSON readers do not
take, stay text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import Any

import yaml

from engine.errors import InputError
from engine.reading.json_value import writable

MOST_BYTES = 4 << 20
MOST_LEVELS = 60
"""Lists and mappings within each other."""
_ALIAS = re.compile(r"(?:^|[\s,\[{])\*[^\s*,]")
_INDENTED = re.compile(rf"^[ \t?-]{{{MOST_LEVELS}}}", re.MULTILINE)
"""A line that may be so deep: each level takes a column."""
_ODD_NUMBER = re.compile(r"[-+]?0[0-7_]+|.*:.*")


def yaml_value(data: bytes, name: str) -> Any:
    """Return the YAML value of a file. Raises InputError naming the file and, where it is known, the line."""
    try:
        if len(data) > MOST_BYTES:
            raise InputError(name, f"has more than {MOST_BYTES >> 20} MB.", "Split it.", file=name)
        text = data.decode()
        _bound(text, name)
        with suppress(yaml.YAMLError):  # what the fast loader refuses is read again by the one with better lines
            return yaml.load(text, Loader=_FastLoader)
        return yaml.load(text, Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save it as UTF-8.", file=name) from error
    except RecursionError as error:
        raise InputError(name, "is nested too deeply.", "Write it with fewer levels.", file=name) from error
    except (ValueError, OverflowError) as error:  # an escape beyond all characters, without a line
        raise InputError(name, f"cannot be read: {error}.", "Correct the YAML.", file=name) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        where, problem = f"{name} line {line}" if line else name, getattr(error, "problem", None) or str(error)
        raise InputError(where, f"{problem}.", "Correct the YAML.", file=name, line=line) from error


def _bound(text: str, name: str) -> None:
    """Refuse aliases and deep nesting. The text is parsed for that only where it may hold them."""
    if not (_ALIAS.search(text) or _INDENTED.search(text) or text.count("[") + text.count("{") > MOST_LEVELS):
        return
    for loader in (_FastLoader, _StrictLoader):  # the one in C gives up at a thousand levels, without events
        try:
            _bound_events(yaml.parse(text, Loader=loader), name)
            return
        except (yaml.reader.ReaderError, yaml.scanner.ScannerError, yaml.parser.ParserError):
            continue  # told when it is read


def _bound_events(events: Iterable[Any], name: str) -> None:
    level = 0
    for event in events:
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            problem = f"*{event.anchor} is an alias; write out what it stands for"
            raise yaml.constructor.ConstructorError(None, None, problem, mark)
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            line = mark.line + 1
            move = "Write it with fewer levels."
            raise InputError(f"{name} line {line}", "is nested too deeply.", move, file=name, line=line)


class _NamedLine:
    """Refuses a value that its tag does not take (`!!bool maybe`) with its line; PyYAML raises errors without one."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)  # type: ignore[misc]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise _refusal(node, f"what stands here is no {node.tag.rpartition(':')[2]}") from error


class _StrictLoader(_NamedLine, yaml.SafeLoader):
    """The loader in Python, whose errors name the better line."""


class _FastLoader(_NamedLine, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The loader in C."""


def _refusal(node: yaml.Node, problem: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    """Return a mapping; a key that stands twice, or that is a list or mapping, is refused."""
    keys: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise _refusal(key_node, "a list or mapping is no key")
        if key is None or isinstance(key, bool | float | bytes):
            raise _refusal(key_node, f"the key {key_node.value or 'null'} is no text; put it in quotes")
        if key in keys:
            raise _refusal(key_node, f"key {key!r} stands twice")
        keys.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


def _text(loader: Any, node: yaml.ScalarNode) -> str:
    """Return a text; the two halves of a surrogate pair, which JSON writes as two escapes, become their character."""
    text: str = yaml.SafeLoader.construct_yaml_str(loader, node)
    try:
        return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise _refusal(node, "half a surrogate pair is no character") from error


def _refuse_odd_number(node: yaml.ScalarNode) -> None:
    if _ODD_NUMBER.fullmatch(node.value):
        raise _refusal(node, f"{node.value[:80]} is read as another number than it looks; put it in quotes")


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int | str:
    """Return a whole number, or its text where it has more digits than JSON readers take."""
    _refuse_odd_number(node)
    try:
        number: int = yaml.SafeLoader.construct_yaml_int(loader, node)
    except ValueError:
        return str(node.value)
    return number if writable(number) else str(node.value)


def _decimal_number(loader: Any, node: yaml.ScalarNode) -> float | str:
    """Return a decimal number, or its text where it is beyond every float."""
    _refuse_odd_number(node)
    try:
        number: float = yaml.SafeLoader.construct_yaml_float(loader, node)
    except (ValueError, OverflowError):
        return str(node.value)
    return str(node.value) if math.isinf(number) and "inf" not in node.value.lower() else number


for _loader in (_StrictLoader, _FastLoader):
    _loader.add_constructor("tag:yaml.org,2002:str", _text)
    _loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
    _loader.add_constructor("tag:yaml.org,2002:float", _decimal_number)
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
    _loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)
