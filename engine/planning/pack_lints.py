"""Warns of what a pack lets the simulated person know or want, or the assistant prove, that it should not. Pure.

None of it keeps a task from being made: the proof holds, but a model that plays the person has it too easy, or wants
more than its dialogue asks. `validate` and the domain's page show the warnings. Results of calls are not looked at, so
a fact that a tool may return counts as reachable.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from engine.dialogue.facts import missing
from engine.dialogue.secrets import Secret
from engine.domains.slots import as_slots, tables_of
from engine.domains.templates import SPEAKER_NOT_KNOWN, names_in, render_text
from engine.errors import InputError
from engine.planning.goals import by_request
from engine.planning.goals import warning as goal_warning
from engine.types import Criterion, Domain, Fact, Question, Rubric, TaskTemplate, TemplateTurn

_TELLS_THE_ANSWER = re.compile(
    r"\bthe (?:assistant|agent) (?:should|must|will|has to|is (?:expected|supposed) to|can only|may only|refuses)\b"
    r"|\bthe (?:right|correct|expected) (?:answer|reply|reaction)\b|\b(?:according to|under|by) the policy\b"
    r"|\b(?:is|are) against the (?:policy|rules)\b|\bthe policy (?:says|states|allows|forbids|requires)\b",
    re.IGNORECASE,
)
_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NOT_KNOWN = re.compile(r"[^.;]*\b(?:do not|don't) know\b[^.;]*")
_PARTS = re.compile(r"[.;]|,? \b(?:and (?:also|then)|as well as|then|finally|afterwards|besides)\b", re.IGNORECASE)
_WANTS = re.compile(
    r"\b(?:want|need|ask|would like|have .{1,40} (?:changed|cancelled|moved|sent)|tell|get)\b", re.IGNORECASE
)
_INFINITIVE = re.compile(r"\s*(?:also\s+)?to \w+", re.IGNORECASE)
_DECLINES = re.compile(r"\b(?:do not|don't|no longer|nothing)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = frozenset(
    """you your yours want wants need needs would like ask asks the and for with from that this then also have has had
    are was were not but into its their them they hear tell know get gets got how many much which what when where who
    whether all any one two can could may please let make finally besides afterwards""".split()  # noqa: SIM905
)
_CAN_BE_TOLD = (
    "the command imports the code that it tests, so that code can print the verdict itself. Name probes, whose values "
    "are compared outside the sandbox."
)
_STEM = 5
"""Letters that two forms of a word share: "cancel", "cancelled"."""
_FEWEST = 3
_SHORT = 3
"""Characters up to which a fact ("5", "no") may stand in a goal by chance."""
_ROWS = 50


def warnings(domain: Domain, *, goals: bool = True) -> list[str]:
    """Return what the templates and questions of a domain should not hold, each with its place and the next move;
    without missing goals of turns where `goals` is False."""
    found = [text for one in domain.templates if goals and (text := goal_warning(one))]
    found += [text for template in domain.templates for text in _template_warnings(domain, template)]
    for number, question in enumerate(domain.questions, 1):
        found += _question_warnings(domain, question, f"questions.yaml: {number}")
    return found + [text for where, one in _pack_criteria(domain) if (text := _unanchored(one, where))]


def _pack_criteria(domain: Domain) -> Iterator[tuple[str, Criterion]]:
    """Yield the questions that a domain and its templates ask the rubric judge, each with its place."""
    for at, one in enumerate(domain.rubric.criteria if domain.rubric else (), 1):
        yield f"domain.yaml: rubric.criteria.{at}", one
    for template in domain.templates:
        for kind, criteria in template.rubric.by_kind().items() if template.rubric else ():
            yield from (
                (f"templates/{template.id}.yaml: rubric.{kind}.{at}", one) for at, one in enumerate(criteria, 1)
            )


def _template_warnings(domain: Domain, template: TaskTemplate) -> list[str]:
    """Return the warnings about one template."""
    where = f"templates/{template.id}.yaml"
    found: list[str] = []
    if template.hidden_tests is not None and template.hidden_tests.can_be_told:
        found.append(f"{where}: hidden_tests: {_CAN_BE_TOLD}")
    try:
        drawn = _first_slots(domain, template)
        found += _wider(template, where)
        found += _secrets(template, drawn, where)
        found += _answers(template, where)
        found += _unreachable(domain, template, drawn[0], where)
    except InputError:  # a text or query that cannot be read, which parsing and faults report
        pass
    return found


def _first_slots(domain: Domain, template: TaskTemplate) -> list[dict[str, Any]]:
    """Return the slots of the first row of each query, and of the next rows of the last one, ROWS at most."""
    tables = tables_of(domain, template.variant)
    slots: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for query in template.slots:
        rows = [as_slots(query.query, row) for row in tables.rows(query.query, slots)[:_ROWS]]
        if not rows:
            break
        slots |= rows[0]
    return [slots | row for row in rows] or [slots]


def unanchored_criteria(rubric: Rubric) -> list[str]:
    """Return a warning for each question of a rubric that does not say what counts as yes: models then agree less."""
    return [text for one in rubric.criteria if (text := _unanchored(one, f"rubric {rubric.id}: criterion {one.id}"))]


def _unanchored(one: Criterion, where: str) -> str:
    """Return the warning about a question that says neither in `counts_as_yes` nor by being long what counts as yes; ""
    for any other."""
    if one.counts_as_yes or len(one.question.split()) >= _ANCHORED:
        return ""
    return f"{where} does not say what counts as yes. Name in its question what must have happened in the dialogue."


_ANCHORED = 9
"""Words from which on a question names what it looks for: "Is the answer good?" does not."""


# ---------------------------------------------------------------- what the person wants and knows


def _wider(template: TaskTemplate, where: str) -> Iterator[str]:
    """Yield goals with a part of which no request has a word."""
    asked: set[str] = set()
    for number, turn in enumerate(template.turns, 1):
        asked |= _words(" ".join(_told(turn)))
        if turn.goal is not None:
            yield from _unasked(turn.goal, asked, f"{where}: turns.{number}.goal")
    if not by_request(template):
        yield from _unasked(template.goal, asked, f"{where}: goal")


def _unasked(goal: str, asked: Collection[str], where: str) -> Iterator[str]:
    for part in _PARTS.split(_EXPRESSION.sub(" ", goal)):
        words = _words(part)
        wanted = _WANTS.search(part) is not None or _INFINITIVE.match(part) is not None
        if wanted and not _DECLINES.search(part) and len(words) >= _FEWEST and words.isdisjoint(asked):
            yield (
                f"{where} is wider than its requests: none of them asks for this: {' '.join(part.split())!r}. Ask "
                "for it in a request, or leave it out of the goal."
            )


def _told(turn: TemplateTurn) -> list[str]:
    """Return all texts of a request, with what belongs to it: its calls and its answer."""
    hidden = (*turn.withhold.say, *turn.withhold.reveal, *turn.withhold.ask) if turn.withhold else ()
    calls = [f"{step.call} {' '.join(step.arguments)}".replace("_", " ") for step in turn.chain]
    return [*turn.say, *hidden, *calls, *turn.answer]


def _words(text: str) -> set[str]:
    """Return the beginnings of the words that say what a text is about."""
    return {word[:_STEM] for word in _WORD.findall(text.lower()) if word not in _COMMON}


def _secrets(template: TaskTemplate, drawn: Sequence[Mapping[str, Any]], where: str) -> Iterator[str]:
    """Yield texts that tell a withheld slot: a request itself, or a goal that tells it in a form that is not masked."""
    for number, turn in enumerate(template.turns, 1):
        if turn.withhold is None:
            continue
        slot = turn.withhold.slot
        for at, text in enumerate(turn.withhold.say, 1):
            if slot in names_in(text):
                place = f"{where}: turns.{number}.withhold.say.{at}"
                yield f"{place} tells {slot}, which it withholds. Leave it out of the wording."
        goal_texts = [("goal", template.goal), *((f"turns.{n}.goal", t.goal) for n, t in enumerate(template.turns, 1))]
        for field, goal in goal_texts:
            if goal and _tells(goal, slot, drawn):
                yield (
                    f"{where}: {field} tells {slot}, which turns.{number} withholds, in a form that cannot be masked. "
                    "Leave it out of the goal."
                )


def _tells(goal: str, slot: str, drawn: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a goal still depends on a slot, or holds its value, once the value is masked."""
    if slot not in drawn[0]:
        return False
    first = drawn[0]
    fixed = _EXPRESSION.sub("", goal)
    values = {str(row[slot]) for row in drawn if any(char.isdigit() for char in str(row[slot]))}
    if any((len(value) > _SHORT or not value.isdigit()) and Secret(value).told_in(fixed) for value in values):
        return True
    other = next((row[slot] for row in drawn if row[slot] != first[slot]), None)
    if other is None or slot not in names_in(goal):
        return False
    masked = [
        Secret(str(value)).masked(render_text(goal, {**SPEAKER_NOT_KNOWN, **first, slot: value}), "*")
        for value in (first[slot], other)
    ]
    return masked[0] != masked[1]


def _answers(template: TaskTemplate, where: str) -> Iterator[str]:
    """Yield goals that tell what the assistant is to answer."""
    for number, turn in enumerate(template.turns, 1):
        field, goal = (f"turns.{number}.goal", turn.goal) if turn.goal else ("goal", template.goal)
        plain = _NOT_KNOWN.sub("", goal)
        stated = [fact for fact in _fixed(turn.facts) if not missing([fact], plain)]
        stated = [fact for fact in stated if all(missing([fact], wording) for wording in turn.say)]
        stated += [(answer,) for answer in turn.answer if len(answer.split()) > _FEWEST and answer in goal]
        if stated:
            yield (
                f"{where}: {field} tells the answer: it states {stated[0][0]!r}. Leave it out of what the person knows."
            )
    texts = [("goal", template.goal), *((f"turns.{n}.goal", turn.goal) for n, turn in enumerate(template.turns, 1))]
    for field, text in texts:
        if text and (found := _TELLS_THE_ANSWER.search(text)):
            yield (
                f"{where}: {field} tells the policy's answer ({found[0]!r}). Say only what the person wants, not what "
                "comes of it."
            )


def _fixed(facts: Collection[Fact]) -> list[tuple[str, ...]]:
    """Return the facts without expressions, by their alternatives, but for those that any text may state by chance."""
    every = [(fact,) if isinstance(fact, str) else tuple(fact) for fact in facts]
    return [fact for fact in every if fact and all("{" not in text and _is_telling(text) for text in fact)]


def _is_telling(text: str) -> bool:
    return len(text) > _SHORT and (any(char.isdigit() for char in text) or len(text.split()) >= _FEWEST)


# ---------------------------------------------------------------- what the assistant can know


def _unreachable(domain: Domain, template: TaskTemplate, slots: Collection[str], where: str) -> Iterator[str]:
    """Yield facts that use a result of no call so far, or that no request and not the policy gives where there is no
    call."""
    saved: set[str] = set()
    told: set[str] = set()
    said: list[str] = [domain.policy]
    called = False
    for number, turn in enumerate(template.turns, 1):
        saved |= {step.save for step in turn.chain if step.save}
        said += turn.say
        told |= {name for text in _told(turn) for name in names_in(text)} - saved
        called = called or bool(turn.chain)
        known = {*saved, *(slots if called else told)}
        for at, fact in enumerate(turn.facts, 1):
            options = (fact,) if isinstance(fact, str) else fact
            if options and not any(_is_given(option, known, called, said) for option in options):
                yield (
                    f"{where}: turns.{number}.facts.{at} cannot be reached: {options[0]!r} is in no result of a call, "
                    "no request and not in the policy. Add the call that gives it, or drop the fact."
                )


def _is_given(option: str, known: Collection[str], called: bool, said: Collection[str]) -> bool:
    names = names_in(option)
    if names:
        return names <= set(known)
    return called or any(_has_words_of(option, text) for text in said)


def _has_words_of(fact: str, text: str) -> bool:
    """Return whether a text states a fact, or at least has all its words."""
    return not missing([(fact,)], text) or _words(fact) <= _words(text)


def _question_warnings(domain: Domain, question: Question, where: str) -> Iterator[str]:
    """Yield facts of a question that the policy does not state, and those that the question itself tells."""
    for at, fact in enumerate(question.facts, 1):
        options = (fact,) if isinstance(fact, str) else tuple(fact)
        if any("{" in option for option in options):
            continue
        if options and not any(_has_words_of(option, domain.policy) for option in options):
            yield (
                f"{where}.facts.{at} cannot be reached: the policy does not state {options[0]!r}. Write it into "
                "policy.md, or drop the fact."
            )
        if all(map(_is_telling, options)) and any(not missing([options], wording) for wording in question.say):
            yield f"{where}.say tells the answer: it states {options[0]!r}. Ask without it."
