"""Parses a domain pack into a Domain. The entry to this room.

A pack comes as {path: bytes} (pack_files.py), and is parsed whole or refused whole: InputErrors lists every problem
with its file, line and field. Nothing of a pack is executed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine import plugins
from engine.domains import pack_files, shared_tools
from engine.domains.slots import Tables
from engine.domains.sources import new_source, open_source
from engine.domains.strict_yaml import yaml_value
from engine.domains.templates import name_faults
from engine.errors import InputError, InputErrors, each
from engine.reading.json_value import loads
from engine.reading.places import Path as FieldPath
from engine.reading.places import Source
from engine.reading.python_source import parsed
from engine.types import USER_TOOLS, Choice, Domain, Persona, Question, TaskTemplate, Tool, workspace_of
from engine.types.domains import expected_of

MoreChecks = Callable[[Domain], list[InputError]]

_FOUND_IN_FILES = {"policy", "tools", "user_tools", "templates", "questions", "digest", "files"}
_HEAD_FIELDS = Domain.model_fields.keys() - _FOUND_IN_FILES
"""What domain.yaml may say; the other fields of a Domain come from the other files."""
_REQUIRED_TEXTS = ("id", "name", "description")
_ID = re.compile(r"[a-z0-9_-]{1,100}")
_PART_ID = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")
"""The id of a template, question or persona: up to 100 visible characters of ASCII."""
_NO_CONTENT = {"policy": "", "tools": (), "templates": (), "digest": "", "files": {}}


# ---------------------------------------------------------------- whole packs


def load(path: Path, *, further: MoreChecks | None = None) -> Domain:
    """Read and parse a folder or a zip file. Raises InputError, also for what cannot be read."""
    return parse(pack_files.read(path), further=further)


def parse(files: Mapping[str, bytes], *, unfinished: bool = False, further: MoreChecks | None = None) -> Domain:
    """Return the Domain that the files describe. Raises InputErrors listing every problem.

    An `unfinished` pack may lack tools and templates: it can be edited and stored, and no batch can use it yet. When
    the pack is refused, what `further` finds in the parts that could be read is listed too.
    """
    errors: list[InputError] = []

    def collect(action: Any, fallback: Any) -> Any:
        try:
            return action()
        except InputError as found:
            errors.extend(each(found))
        return fallback

    if found := pack_files.name_faults(files):  # refused anyway, and no error below could print such a name
        errors += found
        files = {name: data for name, data in files.items() if not pack_files.name_problem(name)}
    head = collect(lambda: _head(files), {})
    policy = collect(lambda: _text(files, "policy.md"), "")
    if not policy.strip() and not any(e.where == "policy.md" for e in errors):
        errors.append(InputError("policy.md", "is missing or empty.", "Write the teacher's rules.", file="policy.md"))
    sources = _sources(head)
    errors += _shared_tool_errors(files, head, sources) if head else []
    before = len(errors)
    tools: tuple[Tool, ...] = collect(lambda: _tools(files, sources), ())
    broken = len(errors) > before
    tool_names = _defined_names(files, sources) if broken else {tool.name for tool in tools}
    before = len(errors)
    user_tools: tuple[Tool, ...] = collect(lambda: _user_tools(files, sources, tool_names), ())
    user_tool_names = None if len(errors) > before else {tool.name for tool in user_tools}
    templates: dict[str, TaskTemplate] = {}
    for name in sorted(n for n in files if n.startswith("templates/") and n.endswith((".yaml", ".yml"))):
        if (template := collect(lambda name=name: _template(files, name), None)) is not None:
            templates[name] = template
    questions = collect(lambda: _questions(files), ())
    if not unfinished:
        errors += lacking(tools or broken, templates or any(e.where.startswith("templates/") for e in errors))
    errors += _repeated_ids([(template.id, Source(name, files[name]), ("id",)) for name, template in templates.items()])
    question_file = Source("questions.yaml", files.get("questions.yaml", b""))
    errors += _repeated_ids([(q.id, question_file, (number, "id")) for number, q in enumerate(questions)])
    errors += _identity_errors(files, head, tool_names)
    errors += _domain_rubric_errors(files, head)
    tables: dict[str | None, Tables] = {}
    for name, template in templates.items():
        source = Source(name, files[name])
        errors += _unknown_calls(source, template, tool_names, "chain")
        errors += _unknown_calls(source, template, user_tool_names, "user_chain")
        errors += _missing_files(files, source, template)
        errors += _template_rubric_errors(source, template)
        errors += _unknown_names(files, source, template, tables)
    domain = Domain(
        **(head or dict.fromkeys(_REQUIRED_TEXTS, "-")),
        policy=policy,
        tools=tools,
        user_tools=user_tools,
        templates=tuple(templates.values()),
        questions=questions,
        digest=pack_files.files_digest(files),
        files=dict(files),
    )
    if errors:
        raise InputErrors([*errors, *(further(domain) if further else ())])
    return domain


def lacking(tools: Any, templates: Any) -> list[InputError]:
    """Return what an unfinished pack needs before a batch can use it, given its tools and its templates."""
    found = []
    if not tools:
        move = "Add a Python function with a docstring."
        found.append(InputError("tools/", "defines no tool.", move, file="tools/"))
    if not templates:
        found.append(InputError("templates/", "holds no template.", "Add templates/<id>.yaml.", file="templates/"))
    return found


# ---------------------------------------------------------------- lists: questions and personas


def read_questions(data: bytes) -> tuple[Question, ...]:
    """Return the questions of a questions.yaml; an empty file has none. Raises InputError or InputErrors."""
    value = yaml_value(data, "questions.yaml")
    return () if value is None else tuple(_listed(Question, value, Source("questions.yaml", data)))


def load_personas(folder: Path) -> tuple[Persona, ...]:
    """Return the personas of every *.yaml in a folder, each file a list of them. Raises InputErrors."""
    found: list[Persona] = []
    places: list[tuple[str, Source, FieldPath]] = []
    for path in sorted(folder.glob("*.yaml")):
        source = Source(path.name, path.read_bytes())
        listed: list[Persona] = _listed(Persona, yaml_value(source.data, source.name), source)
        found += listed
        places += [(persona.id, source, (number, "id")) for number, persona in enumerate(listed)]
    errors = _repeated_ids(places)
    if errors:
        raise InputErrors(errors)
    return tuple(found)


def _listed(model: type[BaseModel], value: Any, source: Source) -> list[Any]:
    """Return the entries of a list as models. Raises InputErrors for every entry that is none."""
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


def _validated(model: type[BaseModel], value: Any, source: Source, below: FieldPath = ()) -> Any:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        raise InputErrors(source.refusals(error, value, below)) from error


# ---------------------------------------------------------------- the parts of a pack


def _head(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the fields of domain.yaml. Raises InputErrors, also for a tool source that does not exist."""
    if "domain.yaml" not in files:
        move = "Every pack needs one; see ARCHITECTURE.md."
        raise InputError("domain.yaml", "is missing.", move, file="domain.yaml")
    source = Source("domain.yaml", files["domain.yaml"])
    head = yaml_value(source.data, source.name)
    if not isinstance(head, dict):
        raise source.refusal((), "is not a mapping.", "Write `key: value` lines.")
    known = f"Known: {', '.join(sorted(_HEAD_FIELDS))}."
    errors = [source.refusal((str(name),), "is no known field.", known) for name in head if name not in _HEAD_FIELDS]
    blank = [f for f in _REQUIRED_TEXTS if not isinstance(head.get(f), str) or not head[f].strip()]
    for field in blank:
        missing = head.get(field) is None or isinstance(head[field], str)
        errors.append(source.refusal((field,), "is missing." if missing else "is no text.", "Give it a text."))
    if "id" not in blank and not _ID.fullmatch(head["id"]):
        errors.append(source.refusal(("id",), f"{_quoted(head['id'])} is no id.", "Use a-z, 0-9, _ and -, up to 100."))
    errors += [
        source.refusal((field,), f"holds {odd}, which nobody sees.", "Leave it out.") for field, odd in _odd(head)
    ]
    given = {name: entry for name, entry in head.items() if name in _HEAD_FIELDS and name not in blank}
    try:
        domain = Domain.model_validate({**dict.fromkeys(blank, "-"), **given, **_NO_CONTENT})
        errors += _source_errors(source, domain.tool_sources)
    except ValidationError as error:
        errors += source.refusals(error, given)
    if errors:
        raise InputErrors(errors)
    return dict(head)


def _odd(head: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (field, character) for the one-line texts of domain.yaml that hold a character which nobody sees."""
    texts = [(field, head[field]) for field in ("name", "category", "licence") if isinstance(head.get(field), str)]
    return [(field, odd) for field, text in texts if (odd := pack_files.odd_character(text))]


def _quoted(id: str) -> str:
    return repr(pack_files.shown(id))


def _source_errors(source: Source, choices: Sequence[Choice]) -> list[InputError]:
    """Return every tool source that does not exist or stands twice, and every option that it does not take."""
    known = plugins.names("tools")
    errors: list[InputError] = []
    for number, choice in enumerate(choices):
        path = ("tool_sources", number)
        if choice.name not in known:
            problem = plugins.absent("tools", choice.name, "tool source")
            errors.append(source.refusal(path, problem, f"Choose one of: {', '.join(known)}."))
        elif choice.name in [other.name for other in choices[:number]]:
            errors.append(source.refusal(path, f"{choice.name} stands twice.", "Name it once."))
        else:
            errors += plugins.refused_options("tools", choice, source, path)
    return errors


def _sources(head: Mapping[str, Any]) -> list[Choice]:
    """Return the tool sources of a domain.yaml that `_head` accepted."""
    given = head.get("tool_sources", Domain.model_fields["tool_sources"].default)
    return [Choice.model_validate(one) for one in given]


def _tools(files: Mapping[str, bytes], sources: Sequence[Choice]) -> tuple[Tool, ...]:
    """Return the tools of all sources. Raises InputErrors, also for a name that two sources give."""
    tools: list[Tool] = []
    errors: list[InputError] = []
    for choice in sources:
        try:
            tools += open_source(choice, files)[1]
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
    files: Mapping[str, bytes], sources: Sequence[Choice], taken: Collection[str] | None
) -> tuple[Tool, ...]:
    """Return the simulated person's tools. Raises InputErrors, also for a name that is `taken` by the teacher's."""
    tools = [tool for choice in sources for tool in new_source(choice).user_tools(files)]
    errors = [
        InputError(f"{USER_TOOLS}: {name}", "is a tool of the assistant too.", "Rename one of them.", file=USER_TOOLS)
        for name in sorted({tool.name for tool in tools} & set(taken or ()))
    ]
    if errors:
        raise InputErrors(errors)
    return tuple(tools)


def _defined_names(files: Mapping[str, bytes], sources: Sequence[Choice]) -> set[str] | None:
    """Return the names of the tools that the files define although some cannot be read; None when that is unknown."""
    found = [new_source(choice).named(files) for choice in sources]
    return None if None in found else {name for names in found for name in names or ()}


def _template(files: Mapping[str, bytes], name: str) -> TaskTemplate:
    template: TaskTemplate = _validated(TaskTemplate, yaml_value(files[name], name), Source(name, files[name]))
    return template


def _questions(files: Mapping[str, bytes]) -> tuple[Question, ...]:
    return read_questions(files["questions.yaml"]) if "questions.yaml" in files else ()


def _text(files: Mapping[str, bytes], name: str) -> str:
    try:
        return files.get(name, b"").decode()
    except UnicodeDecodeError as error:
        raise InputError(name, "is not UTF-8 text.", "Save it as UTF-8.", file=name) from error


# ---------------------------------------------------------------- what the parts say about each other


def _shared_tool_errors(
    files: Mapping[str, bytes], head: Mapping[str, Any], sources: Sequence[Choice]
) -> list[InputError]:
    """Return what is wrong with the shared tools that domain.yaml names, and with the files under shared/."""
    source, names = Source("domain.yaml", files["domain.yaml"]), head.get("shared_tools", ())
    errors = shared_tools.refusals(source, names, files)
    readers = [name for name in plugins.names("tools") if plugins.load("tools", name).make.reads_shared]
    if names and not any(choice.name in readers for choice in sources):
        move = f"Add {' or '.join(readers)} to tool_sources, or name no shared tools."
        errors.append(source.refusal(("shared_tools",), "no tool source of this pack reads them.", move))
    return errors


def _identity_errors(
    files: Mapping[str, bytes], head: Mapping[str, Any], known: Collection[str] | None
) -> list[InputError]:
    """Return every entry of `identity` that is none of the known tools (None: they are unknown)."""
    source = Source("domain.yaml", files.get("domain.yaml", b""))
    return [
        source.refusal(("identity", number), f"there is no tool {name!r}.", "Name a tool that checks who is speaking.")
        for number, name in enumerate(head.get("identity") or ())
        if known is not None and name not in known
    ]


def _unknown_calls(
    source: Source, template: TaskTemplate, known: Collection[str] | None, chain: Literal["chain", "user_chain"]
) -> list[InputError]:
    """Return every step of the template's chains of one kind whose tool is not known (None: they are unknown)."""
    whose = "tool" if chain == "chain" else "tool of the person"
    move = f"Known tools: {', '.join(sorted(known))}." if known else f"The domain has no {whose} yet."
    return [
        source.refusal(("turns", turn, chain, step, "call"), f"there is no {whose} {one.call!r}.", move)
        for turn, request in enumerate(template.turns)
        for step, one in enumerate(getattr(request, chain))
        if known is not None and one.call not in known
    ]


def _missing_files(files: Mapping[str, bytes], source: Source, template: TaskTemplate) -> list[InputError]:
    """Return every file or folder that the template names and the pack does not hold."""
    tests = template.hidden_tests
    found = [
        source.refusal(("hidden_tests", "files", laid), f"the pack has no file {named!r}.", "Add it under hidden/.")
        for laid, named in (tests.files if tests else {}).items()
        if named not in files
    ]
    for number, path in enumerate(tests.probes if tests else ()):
        found += _probe_errors(files, source, ("hidden_tests", "probes", number), path)
    folder = f"variants/{template.variant}/"
    if template.variant is not None and not any(path.startswith(folder) for path in files):
        found.append(source.refusal(("variant",), f"there is no folder {folder}.", "Add it."))
    return found


def _probe_errors(
    files: Mapping[str, bytes], source: Source, place: tuple[str | int, ...], path: str
) -> list[InputError]:
    """Return what is wrong with a file of probes and with the values that they must give."""
    expected = expected_of(path)
    for missing in (path, expected):
        if missing not in files:
            return [source.refusal(place, f"the pack has no file {missing!r}.", "Add it under hidden/.")]
    try:
        tree = parsed(files[path].decode())
        values = loads(files[expected])
    except (SyntaxError, ValueError, RecursionError) as error:
        return [source.refusal(place, f"{path} or {expected} cannot be read: {error}.", "Mend the file.")]
    named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("probe_")}
    if not named or not isinstance(values, dict) or named != set(values):
        odd = sorted(named ^ set(values)) if isinstance(values, dict) else []
        told = f": {', '.join(odd)}" if odd else "."
        move = f"{expected} is one JSON object with the value of each function probe_... of {path}."
        return [source.refusal(place, f"{path} and {expected} name different probes{told}", move)]
    return []


def _domain_rubric_errors(files: Mapping[str, bytes], head: Mapping[str, Any]) -> list[InputError]:
    """Return every question of domain.yaml with the id of an earlier one."""
    criteria = head["rubric"]["criteria"] if head.get("rubric") else ()
    source = Source("domain.yaml", files.get("domain.yaml", b""))
    return _repeated_ids([(one["id"], source, ("rubric", "criteria", at, "id")) for at, one in enumerate(criteria)])


def _template_rubric_errors(source: Source, template: TaskTemplate) -> list[InputError]:
    """Return every question of a template about a request that it does not have, or with the id of an earlier one of
    its kind, and a rubric that asks nothing."""
    if template.rubric is None:
        return []
    found: list[InputError] = []
    asked = template.rubric.by_kind()
    for kind, criteria in asked.items():
        found += _repeated_ids([(one.id, source, ("rubric", kind, at, "id")) for at, one in enumerate(criteria)])
        for at, one in enumerate(criteria):
            if one.request is not None and one.request > len(template.turns):
                problem = f"is {one.request}, and the template has {len(template.turns)}."
                move = "Name one of them, or none where the question is about all."
                found.append(source.refusal(("rubric", kind, at, "request"), problem, move))
    if not any(asked.values()):
        found.append(source.refusal(("rubric",), "asks nothing.", f"Give it questions under {', '.join(asked)}."))
    return found


def _unknown_names(
    files: Mapping[str, bytes], source: Source, template: TaskTemplate, tables: dict[str | None, Tables]
) -> list[InputError]:
    """Return the tables, columns, slots and results that the template uses and that do not exist. `tables` keeps those
    of each variant for the next template."""
    if template.variant not in tables:
        try:
            tables[template.variant] = Tables(workspace_of(files, template.variant))
        except InputError as error:  # data that is too large
            return [error]
    slots: list[str] = []
    refused: list[InputError] = []
    for number, slot in enumerate(template.slots):
        for field, query in (("query", slot.query), ("unique", slot.unique)):
            try:
                columns = tables[template.variant].columns(query, slots) if query else []
            except InputError as error:
                place: FieldPath = ("slots", number, field)
                refused.append(source.refusal(place, error.problem, error.next_move, source=query))
            else:
                slots += columns if field == "query" else []
    if refused:  # the columns of these queries are unknown, so any name in a text may be one
        return refused
    return [source.refusal(path, problem, move) for path, problem, move in name_faults(template, slots)]


def _repeated_ids(ids: list[tuple[str, Source, FieldPath]]) -> list[InputError]:
    """Return a refusal at every place whose id an earlier place has, or that is no id."""
    seen: dict[str, str] = {}
    found: list[InputError] = []
    for id, source, path in ids:
        if not _PART_ID.fullmatch(id):
            move = "Use up to 100 letters, digits and signs of ASCII."
            found.append(source.refusal(path, f"{_quoted(id)} is no id.", move))
        if id in seen:
            found.append(source.refusal(path, f"{id!r} is used twice: {seen[id]} has it too.", "Give each its own."))
        seen.setdefault(id, source.where(path).split(":")[0])
    return found
