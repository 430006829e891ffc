"""Makes tools of Python functions: description and JSON Schema come from docstring and signature.

A pack's code is never executed here: it is parsed, and only literals are evaluated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import InputError, InputErrors, each
from engine.reading.json_value import MOST_DIGITS, writable_below
from engine.reading.python_source import parsed
from engine.types import SHARED, TOOLS, Tool

_SCALARS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_KNOWN_TYPES = "Use str, int, float, bool, Literal[...], list[T], dict[str, T] or T | None."
_WRITABLE = f"Use texts, numbers of up to {MOST_DIGITS} digits, true, false, None, lists and mappings."
Refuse = Callable[..., None]
"""(problem, next move, line or None): collects what is wrong with one function."""
_SECTION = re.compile(r"^(Args|Returns|Raises|Example|Examples|Effect):")


def tools_from_source(files: Mapping[str, str]) -> tuple[Tool, ...]:
    """Return the tools of the modules {path in the pack: source}, in the order of files and definitions; those of
    shared files come last.

    Files under tools/ that start with an underscore are private. Raises InputErrors naming file, line and next move.
    """
    tools: list[Tool] = []
    errors: list[InputError] = []
    public: dict[str, ast.Module] = {}
    for path in sorted(files, key=lambda path: (path.startswith(SHARED), path)):
        try:
            module = _module(path, files[path])
            if not _is_private(path):
                public[path] = module
                tools += _module_tools(path, module)
        except InputError as found:
            errors += each(found)
    errors += _repeated_names(public)
    if errors:
        raise InputErrors(errors)
    return tuple(tools)


def _is_private(path: str) -> bool:
    return path.startswith(f"{TOOLS}_")


def _refusal(path: str, line: int | None, problem: str, next_move: str) -> InputError:
    return InputError(f"{path} line {line}" if line else path, problem, next_move, file=path, line=line)


def _repeated_names(modules: Mapping[str, ast.Module]) -> list[InputError]:
    """Return a refusal at each function that has the name of an earlier one."""
    seen: dict[str, str] = {}
    found: list[InputError] = []
    for path, module in modules.items():
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                if first := seen.get(node.name):
                    problem = f"{node.name} is defined twice: {first} has it too."
                    shared = path.startswith(SHARED)
                    move = "Take one of the files out of the pack." if shared else "Rename one of the functions."
                    found.append(_refusal(path, node.lineno, problem, move))
                seen.setdefault(node.name, f"{path} line {node.lineno}")
    return found


def _module(path: str, source: str) -> ast.Module:
    """Return the syntax tree of a module. Raises InputError with the line of a syntax error."""
    try:
        return parsed(source)
    except SyntaxError as error:
        move = "Correct the syntax and save again."
        raise _refusal(path, error.lineno, f"{error.msg}.", move) from error
    except ValueError as error:
        raise _refusal(path, None, f"{error}.", "Remove the character that Python cannot read.") from error


def _module_tools(path: str, module: ast.Module) -> list[Tool]:
    """Return the tools of a module's public functions. Raises InputErrors with everything that is wrong with them."""
    tools: list[Tool] = []
    errors = _private_imports(path, module) if path.startswith(SHARED) else []
    for node in module.body:
        if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
            errors.append(_refusal(path, node.lineno, f"{node.name} is async.", "Use a plain function."))
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        try:
            tools.append(_function_tool(node, path))
        except InputErrors as found:
            errors += found.errors
    if errors:
        raise InputErrors(errors)
    return tools


def _private_imports(path: str, module: ast.Module) -> list[InputError]:
    """Return a refusal at each import of a private module; a shared file must work in packs that do not have it."""
    found = []
    for node in ast.walk(module):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for name in [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]:
            if name.startswith("_") and name != "__future__":
                problem = f"imports {name}, and a shared file finds no private module of a pack."
                found.append(_refusal(path, node.lineno, problem, "Move what it needs of it into this file."))
    return found


def _function_tool(node: ast.FunctionDef, path: str) -> Tool:
    """Return the tool of a function. Raises InputErrors with everything that is wrong with it."""
    errors: list[InputError] = []

    def refuse(problem: str, next_move: str, line: int | None = None) -> None:
        errors.append(_refusal(path, line or node.lineno, f"{node.name}: {problem}", next_move))

    if not _NAME.fullmatch(node.name):
        refuse("is no tool name.", "Use up to 64 letters, digits and underscores.")
    text = ast.get_docstring(node)
    description, arguments, effect = _docstring(text or "")
    if not text:
        refuse("has no docstring.", "Describe what it does; the model reads it.")
    elif effect not in ("read", "write"):
        refuse("does not say its effect.", "Add a line 'Effect: read' or 'Effect: write' to the docstring.")
    parameters = _parameters(node, arguments if text else None, refuse)
    if errors:
        raise InputErrors(errors)
    return Tool(
        name=node.name,
        description=description,
        parameters=parameters,
        effect="write" if effect == "write" else "read",
        distractor=path == f"{TOOLS}distractors.py",
    )


def _parameters(node: ast.FunctionDef, arguments: Mapping[str, str] | None, refuse: Refuse) -> dict[str, Any]:
    """Return the JSON Schema of a function's parameters. `arguments` are their descriptions by name, None without a
    docstring."""
    if node.args.vararg or node.args.kwarg or node.args.posonlyargs:
        refuse("takes *args, **kwargs or positional-only parameters.", "Name every parameter.")
    parameters = [*node.args.args, *node.args.kwonlyargs]
    first_default = len(node.args.args) - len(node.args.defaults)
    defaults: list[ast.expr | None] = [None] * first_default
    defaults += [*node.args.defaults, *node.args.kw_defaults]
    required = [p.arg for p, default in zip(parameters, defaults, strict=True) if default is None]
    properties = {
        parameter.arg: _property(parameter, default, arguments, refuse)
        for parameter, default in zip(parameters, defaults, strict=True)
    }
    if unknown := sorted(set(arguments or ()) - set(properties)):
        problem = f"'Args:' describes {', '.join(unknown)}, which it does not take."
        refuse(problem, "Remove or rename it.", node.body[0].lineno)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _property(
    parameter: ast.arg, default: ast.expr | None, arguments: Mapping[str, str] | None, refuse: Refuse
) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if parameter.annotation is None:
        refuse(f"parameter {parameter.arg} has no type.", "Add a type hint.", parameter.lineno)
    else:
        try:
            schema = _schema(parameter.annotation)
        except _NotWritable as error:
            refuse(f"parameter {parameter.arg}: {error}", _WRITABLE, parameter.lineno)
        except ValueError as error:
            refuse(f"parameter {parameter.arg}: {error}", _KNOWN_TYPES, parameter.lineno)
    if arguments is not None and parameter.arg not in arguments:
        move = "Add it to 'Args:' in the docstring."
        refuse(f"parameter {parameter.arg} is not described.", move, parameter.lineno)
    schema["description"] = (arguments or {}).get(parameter.arg, "")
    value = _default(default)
    if value is _NO_LITERAL:
        refuse(f"default of {parameter.arg} is no literal.", "Use a plain value.", parameter.lineno)
    elif not writable_below(value):
        refuse(f"default of {parameter.arg} cannot be written as JSON.", _WRITABLE, parameter.lineno)
    elif value is not None:
        schema["default"] = value
    return schema


class _NotWritable(ValueError):
    """A Literal of a type annotation holds a value that JSON cannot hold."""


_NO_LITERAL = object()


def _default(node: ast.expr | None) -> Any:
    """Return the value of a parameter's default, None without one, _NO_LITERAL when it is no literal."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError):
        return _NO_LITERAL


def _docstring(text: str) -> tuple[str, dict[str, str], str]:
    """Return (description, {parameter: text}, effect) of a Google-style docstring; effect is "" without that line."""
    description: list[str] = []
    arguments: dict[str, str] = {}
    effect = ""
    section, current = "", ""
    for line in text.splitlines():
        found = _SECTION.match(line.strip())
        if found:
            section, current = found.group(1), ""
            if section == "Effect":
                effect = line.split(":", 1)[1].strip().rstrip(".").lower()
            continue
        if section == "":
            description.append(line.strip())
        elif section == "Args" and line.strip():
            entry = re.match(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)", line.strip())
            indent = len(line) - len(line.lstrip())
            if entry and indent <= 4:
                current = entry.group(1)
                arguments[current] = entry.group(2).strip()
            elif current:
                arguments[current] += " " + line.strip()
    return " ".join(part for part in description if part), arguments, effect


def _schema(node: ast.expr) -> dict[str, Any]:
    """Return the JSON Schema of a type annotation. Raises ValueError for one that has none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _schema(_annotation(node.value))
    if isinstance(node, ast.Name):
        if node.id in _SCALARS:
            return {"type": _SCALARS[node.id]}
        if node.id in ("dict", "list"):
            return {"type": "object" if node.id == "dict" else "array"}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [s for s in (node.left, node.right) if not _is_none(s)]
        if len(sides) == 1:
            return _schema(sides[0])
        return {"anyOf": [_schema(side) for side in sides]}
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return _generic(node.value.id, node.slice)
    raise ValueError(f"type {ast.unparse(node)} has no JSON form.")


def _annotation(text: str) -> ast.expr:
    """Return the expression of an annotation that is written as a string. Raises ValueError."""
    try:
        body = parsed(text.strip()).body
    except SyntaxError as error:
        raise ValueError(f"type {text!r} cannot be read.") from error
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise ValueError(f"type {text!r} is no type.")
    return body[0].value


def _generic(name: str, inner: ast.expr) -> dict[str, Any]:
    """Return the JSON Schema of the annotation name[inner]. Raises ValueError for one that has none."""
    if name == "Literal":
        values = ast.literal_eval(inner)
        choices = list(values) if isinstance(values, tuple) else [values]
        if not writable_below(choices):
            raise _NotWritable("a value of its Literal cannot be written as JSON.")
        kinds = {type(choice) for choice in choices}
        if kinds == {str}:
            return {"type": "string", "enum": choices}
        return {"type": "integer", "enum": choices} if kinds == {int} else {"enum": choices}
    if name == "Optional":
        return _schema(inner)
    if name == "list":
        return {"type": "array", "items": _schema(inner)}
    if name == "dict" and isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
        return {"type": "object", "additionalProperties": _schema(inner.elts[1])}
    raise ValueError(f"type {name}[...] has no JSON form.")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
