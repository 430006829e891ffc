"""Domain packs: a folder or a zip of plain files -> Domain, and back.

A pack is read as {path: bytes}, parsed whole and refused whole: InputErrors lists every problem with its
file and field. Nothing of a pack is executed here. The same files always give the same zip and digest.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from engine import plugins
from engine.errors import InputError, InputErrors
from engine.json_value import writable
from engine.slots import Tables
from engine.templates import undefined_names
from engine.types import Domain, Persona, Question, TaskTemplate, Tool, workspace_of

MAX_FILES = 2_000
MAX_BYTES = 64 << 20
_TOO_LARGE = f"holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MB."
_BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,
    ValueError,
    LookupError,
    OSError,
    EOFError,
)
"""What zipfile raises for a zip that is damaged, encrypted or of an unknown method, itself or from below it."""
_IGNORED = {"__pycache__", ".git", ".DS_Store"}
_MADE = {"policy", "tools", "templates", "questions", "digest", "files"}
_FIELDS = Domain.model_fields.keys() - _MADE | {"tool_sources"}


# ---------------------------------------------------------------- folders and zips


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder. Raises InputError when it is no folder, too large or holds links."""
    if not folder.is_dir():
        raise InputError(str(folder), "is not a folder.", "Give the folder of a domain pack.")
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if _IGNORED & set(relative.parts) or path.is_dir():
            continue
        if path.is_symlink() or not path.is_file():
            raise InputError(str(relative), "is a link or no plain file.", "Packs hold plain files only.")
        files[relative.as_posix()] = path.read_bytes()
    _bound(files)
    return files


def write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a pack's files below a new or empty folder. Raises InputError when something is there already."""
    if folder.exists() and any(folder.iterdir()):
        raise InputError(str(folder), "is not empty.", "Choose a new folder.")
    for name, data in files.items():
        path = folder / _safe(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Return the pack as a zip whose bytes depend on the files only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return buffer.getvalue()


def from_zip(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip; a single top folder is taken off. Raises InputError for a bad or hostile zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir()]
            if len(infos) > MAX_FILES or sum(i.file_size for i in infos) > MAX_BYTES:
                raise InputError(
                    "zip", f"holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MB.", "Make it smaller."
                )
            files = {i.filename: archive.read(i) for i in infos if not _IGNORED & set(PurePosixPath(i.filename).parts)}
    except _BROKEN_ZIP as error:
        raise InputError("zip", f"cannot be read: {error}.", "Export the pack again.") from error
    for name in files:
        _safe(name)
    tops = {name.split("/", 1)[0] for name in files}
    if "domain.yaml" not in files and len(tops) == 1 and all("/" in name for name in files):
        files = {name.split("/", 1)[1]: data for name, data in files.items()}
    _bound(files)
    return files


def files_digest(files: Mapping[str, bytes]) -> str:
    """Return the digest that names exactly these bytes."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{len(name.encode())}:{name}:{len(files[name])}:".encode())
        total.update(files[name])
    return total.hexdigest()[:16]


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or not path.parts:
        raise InputError(name, "leads out of the pack.", "Use plain relative paths.")
    return path


def _bound(files: Mapping[str, bytes]) -> None:
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_BYTES:
        raise InputError("pack", _TOO_LARGE, "Make it smaller.")


# ---------------------------------------------------------------- parsing


def parse(files: Mapping[str, bytes]) -> Domain:
    """Return the Domain that the files describe. Raises InputErrors listing every problem."""
    errors: list[InputError] = []

    def collect(action: Any, fallback: Any) -> Any:
        try:
            return action()
        except InputErrors as found:
            errors.extend(found.errors)
        except InputError as found:
            errors.append(found)
        return fallback

    head = collect(lambda: _head(files), {})
    sources = head.pop("tool_sources", ["python"])
    policy = collect(lambda: _text(files, "policy.md"), "")
    if not policy.strip():
        errors.append(InputError("policy.md", "is missing or empty.", "Write the teacher's rules."))
    tools: tuple[Tool, ...] = collect(lambda: _tools(files, sources), ())
    templates = tuple(
        template
        for name in sorted(files)
        if name.startswith("templates/") and name.endswith((".yaml", ".yml"))
        if (template := collect(lambda name=name: _template(files, name, tools), None))
    )
    if not templates and not any(e.where.startswith("templates/") for e in errors):
        errors.append(InputError("templates/", "holds no template.", "Add templates/<id>.yaml."))
    questions = collect(lambda: _questions(files), ())
    errors += [e for ids in ([t.id for t in templates], [q.id for q in questions]) for e in _twice(ids)]
    errors += [
        InputError("domain.yaml: identity", f"there is no tool {name!r}.", "Name a tool that checks who is speaking.")
        for name in (head.get("identity") or () if isinstance(head.get("identity"), list) else ())
        if tools and name not in {tool.name for tool in tools}
    ]
    made: dict[str | None, Tables] = {}
    for template in templates:
        errors += _names(files, template, made)
    if errors:
        raise InputErrors(errors)
    domain: Domain = _validated(
        Domain,
        {
            **head,
            "policy": policy,
            "tools": tools,
            "templates": templates,
            "questions": questions,
            "digest": files_digest(files),
            "files": dict(files),
        },
        "domain.yaml",
    )
    return domain


def load(path: Path) -> Domain:
    """Read and parse a folder or a zip file."""
    return parse(from_zip(path.read_bytes()) if path.is_file() else read_folder(path))


def shipped(folder: Path) -> Iterator[dict[str, bytes]]:
    """Yield the files of every pack folder below `folder`, by name."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (entry / "domain.yaml").is_file():
            yield read_folder(entry)


def load_personas(folder: Path) -> tuple[Persona, ...]:
    """Read every *.yaml below a folder: each a list of personas. Raises InputErrors."""
    found: list[Persona] = []
    for path in sorted(folder.glob("*.yaml")):
        found += _listed(Persona, yaml_value(path.read_bytes(), path.name), path.name)
    errors = _twice([p.id for p in found])
    if errors:
        raise InputErrors(errors)
    return tuple(found)


def yaml_value(data: bytes, name: str) -> Any:
    """Return the YAML value of a file. Raises InputError naming the line."""
    try:
        text = data.decode()
        with suppress(yaml.YAMLError):
            return yaml.load(text, Loader=_FastLoader)
        return yaml.load(text, Loader=_StrictLoader)
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"{name}{line}", f"{problem}.", "Correct the YAML.") from error


class _StrictLoader(yaml.SafeLoader):
    """Refuses duplicate keys and leaves dates as text, so that what stands in the file is what we get."""


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C; what it refuses is read once more by the other, whose errors name the better line."""


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    keys: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in keys:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        keys.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


def _whole_number(loader: Any, node: yaml.ScalarNode) -> int | str:
    """Return a whole number, or its text where it has more digits than JSON readers take."""
    try:
        number: int = yaml.SafeLoader.construct_yaml_int(loader, node)
    except ValueError:
        return str(node.value)
    return number if writable(number) else str(node.value)


def _decimal_number(loader: Any, node: yaml.ScalarNode) -> float | str:
    """Return a decimal number, or its text where it is beyond every float."""
    try:
        number: float = yaml.SafeLoader.construct_yaml_float(loader, node)
    except (ValueError, OverflowError):
        return str(node.value)
    return str(node.value) if math.isinf(number) and "inf" not in node.value.lower() else number


for _loader in (_StrictLoader, _FastLoader):
    _loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
    _loader.add_constructor("tag:yaml.org,2002:float", _decimal_number)
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
    _loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def _head(files: Mapping[str, bytes]) -> dict[str, Any]:
    if "domain.yaml" not in files:
        raise InputError("domain.yaml", "is missing.", "Every pack needs one; see ARCHITECTURE.md.")
    head = yaml_value(files["domain.yaml"], "domain.yaml")
    if not isinstance(head, dict):
        raise InputError("domain.yaml", "is not a mapping.", "Write `key: value` lines.")
    unknown = sorted(set(head) - _FIELDS)
    if unknown:
        raise InputError(f"domain.yaml: {unknown[0]}", "is no known field.", f"Known: {', '.join(sorted(_FIELDS))}.")
    for field in ("id", "name", "description"):
        if not isinstance(head.get(field), str) or not head[field].strip():
            raise InputError(f"domain.yaml: {field}", "is missing.", "Give it a text.")
    if not head["id"].replace("_", "").replace("-", "").isalnum() or head["id"] != head["id"].lower():
        raise InputError("domain.yaml: id", f"{head['id']!r} is no id.", "Use a-z, 0-9, _ and -.")
    return dict(head)


def _tools(files: Mapping[str, bytes], sources: Any) -> tuple[Tool, ...]:
    if not isinstance(sources, list):
        raise InputError("domain.yaml: tool_sources", "is not a list.", "For example [python].")
    tools: list[Tool] = []
    for source in sources:
        plugin = plugins.load("tools", str(source))
        tools += plugin.make(plugin.config()).tools(files)
    errors = _twice([t.name for t in tools])
    if errors:
        raise InputErrors(errors)
    if not tools:
        raise InputError("tools/", "defines no tool.", "Add a Python function with a docstring.")
    return tuple(tools)


def _template(files: Mapping[str, bytes], name: str, tools: tuple[Tool, ...]) -> TaskTemplate:
    template: TaskTemplate = _validated(TaskTemplate, yaml_value(files[name], name), name)
    known = {tool.name for tool in tools}
    for number, turn in enumerate(template.turns):
        for position, step in enumerate(turn.chain):
            if known and step.call not in known:
                raise InputError(
                    f"{name}: turns.{number}.chain.{position}.call",
                    f"there is no tool {step.call!r}.",
                    f"Known tools: {', '.join(sorted(known))}.",
                )
    if template.hidden_tests:
        for source in template.hidden_tests.files.values():
            if source not in files:
                raise InputError(
                    f"{name}: hidden_tests.files", f"the pack has no file {source!r}.", "Add it under hidden/."
                )
    if template.variant is not None and not any(p.startswith(f"variants/{template.variant}/") for p in files):
        raise InputError(f"{name}: variant", f"there is no folder variants/{template.variant}/.", "Add it.")
    return template


def _names(files: Mapping[str, bytes], template: TaskTemplate, made: dict[str | None, Tables]) -> list[InputError]:
    """Return what the slot queries and texts of a template use that does not exist. `made` keeps the tables."""
    where = f"templates/{template.id}.yaml"
    if template.variant not in made:
        made[template.variant] = Tables(workspace_of(files, template.variant))
    tables = made[template.variant]
    slots: list[str] = []
    try:
        for slot in template.slots:
            slots += tables.columns(slot.query, slots)
            if slot.unique:
                tables.columns(slot.unique, slots)
    except InputError as error:
        return [InputError(f"{where}: slots: {error.where}", error.problem, error.next_move)]
    next_move = "Name a slot column, or save an earlier result under that name."
    return [InputError(f"{where}: {field}", problem, next_move) for field, problem in undefined_names(template, slots)]


def _questions(files: Mapping[str, bytes]) -> tuple[Question, ...]:
    if "questions.yaml" not in files:
        return ()
    return read_questions(files["questions.yaml"])


def read_questions(data: bytes) -> tuple[Question, ...]:
    """Return the questions of a questions.yaml; an empty file has none. Raises InputError or InputErrors."""
    value = yaml_value(data, "questions.yaml")
    return () if value is None else tuple(_listed(Question, value, "questions.yaml"))


def _listed(model: type[BaseModel], value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(name, "is not a list.", "Start each entry with `- id: ...`.")
    return [_validated(model, entry, f"{name} entry {number + 1}") for number, entry in enumerate(value)]


def _validated(model: type[BaseModel], value: Any, name: str) -> Any:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        raise InputErrors(
            [InputError(f"{name}: {'.'.join(map(str, e['loc'])) or 'file'}", e["msg"] + ".") for e in error.errors()]
        ) from error


def _text(files: Mapping[str, bytes], name: str) -> str:
    try:
        return files.get(name, b"").decode()
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save it as UTF-8.") from error


def _twice(ids: list[str]) -> list[InputError]:
    return [
        InputError(f"id {name!r}", "is used twice.", "Give each its own.")
        for name in sorted(set(ids))
        if ids.count(name) > 1
    ]
