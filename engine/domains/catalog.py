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
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from engine import plugins
from engine.domains import shared_tools
from engine.domains.slots import Tables
from engine.domains.sources import made, opened
from engine.domains.templates import undefined_names
from engine.errors import InputError, InputErrors, each
from engine.reading.json_value import writable
from engine.reading.places import Path as FieldPath
from engine.reading.places import Source
from engine.types import USER_TOOLS, Choice, Domain, Persona, Question, TaskTemplate, Tool, mode_order, workspace_of

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
_MADE = {"policy", "tools", "user_tools", "templates", "questions", "digest", "files"}
_FIELDS = Domain.model_fields.keys() - _MADE


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


Further = Callable[[Domain], list[InputError]]


def parse(files: Mapping[str, bytes], *, unfinished: bool = False, further: Further | None = None) -> Domain:
    """Return the Domain that the files describe. Raises InputErrors listing every problem.

    An `unfinished` pack may lack tools and templates: it can be edited and kept, and no batch can use it yet. What
    `further` finds in the parts that could be read is listed beside the errors of those that could not.
    """
    errors: list[InputError] = []

    def collect(action: Any, fallback: Any) -> Any:
        try:
            return action()
        except InputError as found:
            errors.extend(each(found))
        return fallback

    head = collect(lambda: _head(files), {})
    policy = collect(lambda: _text(files, "policy.md"), "")
    if not policy.strip() and not any(e.where == "policy.md" for e in errors):
        errors.append(InputError("policy.md", "is missing or empty.", "Write the teacher's rules.", file="policy.md"))
    sources = _sources(head)
    errors += _shared(files, head, sources) if head else []
    before = len(errors)
    tools: tuple[Tool, ...] = collect(lambda: _tools(files, sources), ())
    broken = len(errors) > before
    known = _defined(files, sources) if broken else {tool.name for tool in tools}
    before = len(errors)
    own: tuple[Tool, ...] = collect(lambda: _user_tools(files, sources, known), ())
    theirs = None if len(errors) > before else {tool.name for tool in own}
    found: dict[str, TaskTemplate] = {}
    for name in sorted(n for n in files if n.startswith("templates/") and n.endswith((".yaml", ".yml"))):
        if (template := collect(lambda name=name: _template(files, name), None)) is not None:
            found[name] = template
    questions = collect(lambda: _questions(files), ())
    if not unfinished:
        errors += lacking(tools or broken, found or any(e.where.startswith("templates/") for e in errors))
    errors += _twice([(template.id, Source(name, files[name]), ("id",)) for name, template in found.items()])
    asked = Source("questions.yaml", files.get("questions.yaml", b""))
    errors += _twice([(q.id, asked, (number, "id")) for number, q in enumerate(questions)])
    errors += _identity(files, head, known)
    made: dict[str | None, Tables] = {}
    for name, template in found.items():
        source = Source(name, files[name])
        errors += _calls(source, template, known, "chain")
        errors += _calls(source, template, theirs, "user_chain")
        errors += _lost_files(files, source, template)
        errors += _names(files, source, template, made)
    domain = Domain(
        **(head or dict.fromkeys(_TEXTS, "-")),
        policy=policy,
        tools=tools,
        user_tools=own,
        templates=tuple(found.values()),
        questions=questions,
        digest=files_digest(files),
        files=dict(files),
    )
    if errors:
        raise InputErrors([*errors, *(further(domain) if further else ())])
    return domain


def lacking(tools: Any, templates: Any) -> list[InputError]:
    """Return what an unfinished pack needs before a batch can use it."""
    found = []
    if not tools:
        move = "Add a Python function with a docstring."
        found.append(InputError("tools/", "defines no tool.", move, file="tools/"))
    if not templates:
        found.append(InputError("templates/", "holds no template.", "Add templates/<id>.yaml.", file="templates/"))
    return found


def load(path: Path, *, further: Further | None = None) -> Domain:
    """Read and parse a folder or a zip file. Raises InputError, also for what cannot be read."""
    return parse(read(path), further=further)


def read(path: Path) -> dict[str, bytes]:
    """Return the files of a folder or a zip file. Raises InputError, also for what cannot be read."""
    try:
        return from_zip(path.read_bytes()) if path.is_file() else read_folder(path)
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror or error}.", "Check the path.") from error


def shipped(folder: Path) -> Iterator[dict[str, bytes]]:
    """Yield the files of every pack folder below `folder`, by name."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (entry / "domain.yaml").is_file():
            yield read_folder(entry)


def load_personas(folder: Path) -> tuple[Persona, ...]:
    """Read every *.yaml below a folder: each a list of personas. Raises InputErrors."""
    found: list[Persona] = []
    places: list[tuple[str, Source, FieldPath]] = []
    for path in sorted(folder.glob("*.yaml")):
        source = Source(path.name, path.read_bytes())
        listed: list[Persona] = _listed(Persona, yaml_value(source.data, source.name), source)
        found += listed
        places += [(persona.id, source, (number, "id")) for number, persona in enumerate(listed)]
    errors = _twice(places)
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


class _Refusing:
    """Names the line of a value that its tag (`!!bool maybe`) does not take; PyYAML trips over it."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)  # type: ignore[misc]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            told = f"what stands here is no {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from error


class _StrictLoader(_Refusing, yaml.SafeLoader):
    """Refuses duplicate keys and leaves dates as text, so that what stands in the file is what we get."""


class _FastLoader(_Refusing, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C; what it refuses is read once more by the other, whose errors name the better line."""


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    keys: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a list or mapping is no key", key_node.start_mark)
        if key in keys:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        keys.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


def _text_of(loader: Any, node: yaml.ScalarNode) -> str:
    """Return a text; the two halves of a surrogate pair, which JSON writes as two escapes, become their character."""
    text: str = yaml.SafeLoader.construct_yaml_str(loader, node)
    try:
        return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError as error:
        told = "half a surrogate pair is no character"
        raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from error


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
    _loader.add_constructor("tag:yaml.org,2002:str", _text_of)
    _loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
    _loader.add_constructor("tag:yaml.org,2002:float", _decimal_number)
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
    _loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def _head(files: Mapping[str, bytes]) -> dict[str, Any]:
    if "domain.yaml" not in files:
        move = "Every pack needs one; see ARCHITECTURE.md."
        raise InputError("domain.yaml", "is missing.", move, file="domain.yaml")
    source = Source("domain.yaml", files["domain.yaml"])
    head = yaml_value(source.data, source.name)
    if not isinstance(head, dict):
        raise source.refusal((), "is not a mapping.", "Write `key: value` lines.")
    known = f"Known: {', '.join(sorted(_FIELDS))}."
    errors = [source.refusal((str(name),), "is no known field.", known) for name in head if name not in _FIELDS]
    blank = [f for f in _TEXTS if not isinstance(head.get(f), str) or not head[f].strip()]
    for field in blank:
        missing = head.get(field) is None or isinstance(head[field], str)
        errors.append(source.refusal((field,), "is missing." if missing else "is no text.", "Give it a text."))
    if "id" not in blank and not _is_id(head["id"]):
        errors.append(source.refusal(("id",), f"{head['id']!r} is no id.", "Use a-z, 0-9, _ and -."))
    given = {name: entry for name, entry in head.items() if name in _FIELDS and name not in blank}
    try:
        domain = Domain.model_validate({**dict.fromkeys(blank, "-"), **given, **_NOTHING})
        errors += _refused_sources(source, domain.tool_sources)
    except ValidationError as error:
        errors += source.refusals(error, given)
    if errors:
        raise InputErrors(errors)
    return dict(head)


_TEXTS = ("id", "name", "description")
_NOTHING = {"policy": "", "tools": (), "templates": (), "digest": "", "files": {}}


def _is_id(id: str) -> bool:
    return id.replace("_", "").replace("-", "").isalnum() and id == id.lower()


def _refused_sources(source: Source, choices: Sequence[Choice]) -> list[InputError]:
    """Return every tool source that does not exist or stands twice, and every option that it does not take."""
    known = plugins.names("tools")
    errors: list[InputError] = []
    for number, choice in enumerate(choices):
        path = ("tool_sources", number)
        if choice.name not in known:
            told = plugins.absent("tools", choice.name, "tool source")
            errors.append(source.refusal(path, told, f"Choose one of: {', '.join(known)}."))
        elif choice.name in [other.name for other in choices[:number]]:
            errors.append(source.refusal(path, f"{choice.name} stands twice.", "Name it once."))
        else:
            errors += plugins.refused_options("tools", choice, source, path)
    return errors


def _sources(head: Mapping[str, Any]) -> list[Choice]:
    """Return the tool sources that a head names, which `_head` found to be in order."""
    given = head.get("tool_sources", Domain.model_fields["tool_sources"].default)
    return [Choice.model_validate(one) for one in given]


def _tools(files: Mapping[str, bytes], sources: Sequence[Choice]) -> tuple[Tool, ...]:
    tools: list[Tool] = []
    errors: list[InputError] = []
    for choice in sources:
        try:
            tools += opened(choice, files)[1]
        except InputError as found:
            errors.extend(each(found))
    names = [tool.name for tool in tools]
    errors += [
        InputError(f"tools/: {name}", "comes from two tool sources.", "Rename one of them.", file="tools/")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if errors:
        raise InputErrors(errors)
    return tuple(tools)


def _user_tools(
    files: Mapping[str, bytes], sources: Sequence[Choice], known: Collection[str] | None
) -> tuple[Tool, ...]:
    """Return the tools of the simulated person, none of which has the name of one of the teacher's."""
    tools = [tool for choice in sources for tool in made(choice).user_tools(files)]
    errors = [
        InputError(f"{USER_TOOLS}: {name}", "is a tool of the assistant too.", "Rename one of them.", file=USER_TOOLS)
        for name in sorted({tool.name for tool in tools} & set(known or ()))
    ]
    if errors:
        raise InputErrors(errors)
    return tuple(tools)


def _shared(files: Mapping[str, bytes], head: Mapping[str, Any], sources: Sequence[Choice]) -> list[InputError]:
    """Return what is wrong with the shared tools that a head names, and with the files of such."""
    source, names = Source("domain.yaml", files["domain.yaml"]), head.get("shared_tools", ())
    errors = shared_tools.refusals(source, names, files)
    readers = [name for name in plugins.names("tools") if plugins.load("tools", name).make.reads_shared]
    if names and not any(choice.name in readers for choice in sources):
        move = f"Add {' or '.join(readers)} to tool_sources, or name no shared tools."
        errors.append(source.refusal(("shared_tools",), "no tool source of this pack reads them.", move))
    return errors


def _template(files: Mapping[str, bytes], name: str) -> TaskTemplate:
    value, known = yaml_value(files[name], name), sorted(plugins.names("modes"), key=mode_order)
    template: TaskTemplate = _validated(TaskTemplate, value, Source(name, files[name]), known={"modes": known})
    return template


def _defined(files: Mapping[str, bytes], sources: Sequence[Choice]) -> set[str] | None:
    """Return the names of tools in files that could not all be read; None when others may exist."""
    found = [made(choice).named(files) for choice in sources]
    return None if None in found else {name for names in found for name in names or ()}


def _identity(files: Mapping[str, bytes], head: Mapping[str, Any], known: set[str] | None) -> list[InputError]:
    source = Source("domain.yaml", files.get("domain.yaml", b""))
    return [
        source.refusal(("identity", number), f"there is no tool {name!r}.", "Name a tool that checks who is speaking.")
        for number, name in enumerate(head.get("identity") or ())
        if known is not None and name not in known
    ]


def _calls(
    source: Source, template: TaskTemplate, known: set[str] | None, chain: Literal["chain", "user_chain"]
) -> list[InputError]:
    """Return every step of the template's chains of one kind whose tool is none of the known ones."""
    whose = "tool" if chain == "chain" else "tool of the person"
    move = f"Known tools: {', '.join(sorted(known))}." if known else f"The domain has no {whose} yet."
    return [
        source.refusal(("turns", turn, chain, step, "call"), f"there is no {whose} {one.call!r}.", move)
        for turn, request in enumerate(template.turns)
        for step, one in enumerate(getattr(request, chain))
        if known is not None and one.call not in known
    ]


def _lost_files(files: Mapping[str, bytes], source: Source, template: TaskTemplate) -> list[InputError]:
    """Return every file or folder of the pack that the template names and that is not there."""
    tests = template.hidden_tests.files if template.hidden_tests else {}
    found = [
        source.refusal(("hidden_tests", "files", laid), f"the pack has no file {named!r}.", "Add it under hidden/.")
        for laid, named in tests.items()
        if named not in files
    ]
    folder = f"variants/{template.variant}/"
    if template.variant is not None and not any(path.startswith(folder) for path in files):
        found.append(source.refusal(("variant",), f"there is no folder {folder}.", "Add it."))
    return found


def _names(
    files: Mapping[str, bytes], source: Source, template: TaskTemplate, made: dict[str | None, Tables]
) -> list[InputError]:
    """Return what the slot queries and texts of a template use that does not exist. `made` keeps the tables."""
    if template.variant not in made:
        made[template.variant] = Tables(workspace_of(files, template.variant))
    slots: list[str] = []
    refused: list[InputError] = []
    for number, slot in enumerate(template.slots):
        for field, query in (("query", slot.query), ("unique", slot.unique)):
            try:
                columns = made[template.variant].columns(query, slots) if query else []
            except InputError as error:
                place: FieldPath = ("slots", number, field)
                refused.append(source.refusal(place, error.problem, error.next_move, source=query))
            else:
                slots += columns if field == "query" else []
    if refused:  # what the texts use of these queries cannot be told
        return refused
    return [source.refusal(path, problem, move) for path, problem, move in undefined_names(template, slots)]


def _questions(files: Mapping[str, bytes]) -> tuple[Question, ...]:
    if "questions.yaml" not in files:
        return ()
    return read_questions(files["questions.yaml"])


def read_questions(data: bytes) -> tuple[Question, ...]:
    """Return the questions of a questions.yaml; an empty file has none. Raises InputError or InputErrors."""
    value = yaml_value(data, "questions.yaml")
    return () if value is None else tuple(_listed(Question, value, Source("questions.yaml", data)))


def _listed(model: type[BaseModel], value: Any, source: Source) -> list[Any]:
    if not isinstance(value, list):
        raise source.refusal((), "is not a list.", "Start each entry with `- id: ...`.")
    found: list[Any] = []
    errors: list[InputError] = []
    for number, entry in enumerate(value):
        try:
            found.append(_validated(model, entry, source, (number,)))
        except InputErrors as refused:
            errors += refused.errors
    if errors:
        raise InputErrors(errors)
    return found


def _validated(
    model: type[BaseModel], value: Any, source: Source, below: FieldPath = (), *, known: Mapping[str, Any] | None = None
) -> Any:
    try:
        return TypeAdapter(model).validate_python(value, context=known)
    except ValidationError as error:
        raise InputErrors(source.refusals(error, value, below)) from error


def _text(files: Mapping[str, bytes], name: str) -> str:
    try:
        return files.get(name, b"").decode()
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save it as UTF-8.", file=name) from error


def _twice(ids: list[tuple[str, Source, FieldPath]]) -> list[InputError]:
    """Return a refusal at every place that gives an id which an earlier place has given."""
    seen: dict[str, str] = {}
    found: list[InputError] = []
    for id, source, path in ids:
        if id in seen:
            found.append(source.refusal(path, f"{id!r} is used twice: {seen[id]} has it too.", "Give each its own."))
        seen.setdefault(id, source.where(path).split(":")[0])
    return found
