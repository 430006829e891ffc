"""Finds faults of a pack's templates and questions that parsing accepts, but that would cost tasks.

Stored packs may have such faults and must still load, so `catalog.parse` does not refuse them. `validate` and the
domain's page report them, without a sandbox. What only a replay can find is left to the proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine import modes
from engine.dialogue.facts import missing
from engine.domains.slots import tables_of
from engine.domains.templates import NOT_JSON, names_in, render_value
from engine.errors import InputError
from engine.planning.tasks import modes_of
from engine.reading.json_value import leaves, writable_below
from engine.reading.places import Path, Source, template_file
from engine.reading.schema import argument_error
from engine.types import Domain, Fact, ReferenceCall, TaskTemplate, TemplateTurn, Tool, ToolCall


def template_faults(domain: Domain, *, whole: bool = True) -> list[InputError]:
    """Return every fault with its file, line and field. A domain that is not `whole` lacks parts that could not be
    read; faults that may only follow from that are left out."""
    found: list[InputError] = []
    for template in domain.templates:
        source = template_file(domain, template.id)
        found += [source.refusal(*fault) for fault in _faults(domain, template, whole)]
    questions = Source("questions.yaml", domain.files.get("questions.yaml", b""))
    for number, question in enumerate(domain.questions):
        found += [questions.refusal(*fault) for fault in _unstated((number,), question.answer, question.facts)]
    return found


Fault = tuple[Path, str, str]
"""(path in the file, problem, next move)."""


def _faults(domain: Domain, template: TaskTemplate, whole: bool) -> Iterator[Fault]:
    tools = {tool.name: tool for tool in domain.tools}
    questions_read = bool(domain.questions) == ("questions.yaml" in domain.files)
    unknown = list(_unknown_modes(template))
    yield from unknown
    if not unknown and (whole or (tools and questions_read)) and not modes_of(domain, template):
        yield (("turns", 0, "chain"), "serves no mode: the first request needs no call.", "Give it a chain of calls.")
    yield from _never_rendered(template)
    slots: set[str] = set()
    slots_read = True
    try:
        tables = tables_of(domain, template.variant)
        for query in template.slots:
            slots |= set(tables.columns(query.query, slots))
    except InputError:
        if whole:
            raise
        slots_read = False  # parsing reported this query
    for number, turn in enumerate(template.turns):
        at: Path = ("turns", number)
        if slots_read and turn.withhold and turn.withhold.slot not in slots:
            move = f"Slots: {', '.join(sorted(slots)) or 'none'}."
            yield ((*at, "withhold", "slot"), f"there is no slot {turn.withhold.slot!r}.", move)
        yield from _unworded(at, turn)
        for position, step in enumerate(turn.chain):
            if step.call in tools:
                yield from _arguments((*at, "chain", position), step, tools[step.call])
        yield from _unstated(at, turn.answer, turn.facts)


def _unknown_modes(template: TaskTemplate) -> Iterator[Fault]:
    """Yield the modes that the template names and that do not exist, or no longer."""
    known = modes.names() if template.modes else ()
    for number, name in enumerate(template.modes):
        if name not in known:
            yield (("modes", number), f"there is no mode {name!r}.", f"Choose one of: {', '.join(known)}.")


def _never_rendered(template: TaskTemplate) -> Iterator[Fault]:
    """Yield the texts without slots and results that cannot be rendered all the same."""
    for path, text in leaves(template.model_dump(include={"goal", "turns", "rubric"})):
        try:
            depends = names_in(text)
        except InputError:  # parsing reported this text
            continue
        try:
            render_value("" if depends else text, {})
        except InputError as error:
            yield (path, error.problem, error.next_move)


def _unworded(at: Path, turn: TemplateTurn) -> Iterator[Fault]:
    """Yield the fields of a withheld slot without any wording."""
    for field in ("say", "ask", "reveal"):
        if turn.withhold and not getattr(turn.withhold, field):
            yield ((*at, "withhold", field), "has no wording.", "Write at least one.")


def _arguments(at: Path, step: ReferenceCall, tool: Tool) -> Iterator[Fault]:
    """Yield arguments that the tool does not take, required ones that are missing, and fixed values of a wrong type."""
    properties: Mapping[str, Any] = tool.parameters.get("properties", {})
    takes = f"{tool.name} takes: {', '.join(properties) or 'nothing'}."
    open_ended = tool.parameters.get("additionalProperties", True) is not False
    for name in step.arguments:
        if name not in properties and not open_ended:
            yield ((*at, "arguments", name), f"{tool.name} takes no argument {name!r}.", takes)
    for name in tool.parameters.get("required", ()):
        if name not in step.arguments:
            yield ((*at, "arguments"), f"{tool.name} needs the argument {name!r}.", "Add it.")
    for name, given in step.arguments.items():
        if not writable_below(given):
            yield ((*at, "arguments", name), NOT_JSON, "Write another one.")
        elif name in properties and not any("{" in text for _, text in leaves(given)):
            one = {"type": "object", "properties": {name: properties[name]}}
            for key in ("$defs", "definitions"):
                one |= {key: tool.parameters[key]} if key in tool.parameters else {}
            call = ToolCall(id="check", name=tool.name, arguments={name: given})
            if problem := argument_error(tool.model_copy(update={"parameters": one}), call):
                yield ((*at, "arguments", name), problem, "Write a value of the type that the tool takes.")


def _unstated(at: Path, answers: tuple[str, ...], facts: tuple[Fact, ...]) -> Iterator[Fault]:
    """Yield empty facts, and answers that do not state a fact, when neither contains an expression."""
    for number, fact in enumerate(facts):
        if not fact:
            yield ((*at, "facts", number), "names nothing that could be stated.", "Write it, or drop it.")
    fixed = tuple((fact,) if isinstance(fact, str) else fact for fact in facts if fact)
    fixed = tuple(fact for fact in fixed if not any("{" in option for option in fact))
    for number, answer in enumerate(answers):
        if "{" not in answer and (lost := missing(fixed, answer)):
            yield ((*at, "answer", number), f"does not state the fact {lost[0][0]!r}.", "State it, or drop the fact.")
