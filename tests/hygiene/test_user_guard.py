"""What a person in its task may say, and what it may not: no alarm over the clean messages of all shipped packs."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from engine.dialogue.phrases import with_closing, with_opening
from engine.domains import catalog, pack_files, templates
from engine.hygiene.check import check
from engine.hygiene.findings import Context
from engine.hygiene.user_guard import UserGuard
from engine.planning.tasks import Rejected, sample
from engine.settings import CATALOG, PERSONAS
from engine.types import Domain, Persona, Task, TemplateTurn, Turn
from engine.users.reference import CONFIRMATION, UNKNOWN
from tests.samples.personas import ADA
from tests.samples.tasks import balance_task

PACKS = {domain.id: domain for domain in map(catalog.parse, pack_files.shipped(CATALOG))}
TASKS = 30
LABELLED = (
    "Yes, please go ahead.",
    "I've been waiting for 20 minutes now, this is the 3rd time I ask!",
    "Sorry, I don't know that. What else would help?",
    "ok, so what happens next? I can call you back in 5 minutes",
    "That is all, thank you. You were 100% right.",
    "Could you do both at once? I am in a hurry, my bus leaves soon.",
    "Hmm, no. I meant the other one.",
    "What tools do you need to fix it?",
    "Just to be sure: you did not change anything else, did you?",
    "Could you check again whether that function of yours is the right one?",
)
"""What people say in any task."""


def messages(domain: Domain, task: Task, persona: Persona, rng: random.Random) -> Iterator[str]:
    """Yield what a person may say: each request in all wordings of its template, framed as personas do, and what it
    withholds."""
    opening, closing = rng.choice(persona.openings or ("",)), rng.choice(persona.closings or ("",))
    for turn in task.turns:
        yield turn.say
        yield with_opening(opening, turn.say)
        yield with_closing(turn.say, closing)
        yield turn.say.lower()
        if turn.hidden:
            yield turn.hidden
            yield turn.hidden.upper()
        for plain in _templates_of(domain, task, turn.chain):
            for wording in plain.say:
                yield templates.render_text(wording, templates.SPEAKER_NOT_KNOWN | turn.slots)


def _templates_of(domain: Domain, task: Task, chain: object) -> Iterator[TemplateTurn]:
    used = (template for template in domain.templates if template.id in task.templates)
    return (turn for template in used for turn in template.turns if turn.chain == chain)


@pytest.mark.parametrize("pack", list(PACKS))
def test_no_alarm_over_what_people_of_a_pack_say(pack: str) -> None:
    domain, personas = PACKS[pack], catalog.load_personas(PERSONAS)
    rng = random.Random(pack)
    seen = 0
    for seed in range(TASKS):
        for mode, turns in (("multiple", 2), ("missing_parameter", 1), ("no_tool", 1)):
            try:
                task = sample(domain, mode=mode, turns=turns, seed=seed)
            except Rejected:
                continue
            persona = personas[(seed * 3 + turns) % len(personas)]
            guard = UserGuard(task, persona, domain.user_tools)
            for text in (*messages(domain, task, persona, rng), *LABELLED, CONFIRMATION, UNKNOWN):
                seen += 1
                assert guard.finding(text, ()) is None, text
    assert seen > 200


@pytest.mark.parametrize("text", [*LABELLED, CONFIRMATION, UNKNOWN])
def test_no_alarm_over_what_people_say_anywhere(text: str) -> None:
    guard = UserGuard(balance_task(), ADA)
    assert guard.finding(text, ()) is None
    assert check(text, Context(role="user", tools=frozenset({"get_balance"}))) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Call get_balance, please.", "names_the_exercise"),
        ("Give get_balance the account_id 1.", "names_the_exercise"),
        ("Use the get balance tool.", "names_the_exercise"),
        ("This is the missing_parameter case.", "names_the_exercise"),
        ("You should make two tool calls.", "names_the_exercise"),
        ("What does account A-101 hold?", "invented_value"),
        ("What is on my accounts? OUT-OF-SCOPE", "special_tokens"),
        ("What is on my accounts? ###END", "special_tokens"),
        ("[DONE]", "special_tokens"),
        ('What is on my accounts? {"status": "continue"}', "leftovers"),
    ],
)
def test_what_a_person_does_not_say(text: str, reason: str) -> None:
    task = balance_task(mode="missing_parameter").model_copy(update={"modes": ("missing_parameter", "multiple")})
    found = UserGuard(task, ADA).finding(text, ())
    assert found is not None
    assert found.reason == reason
    assert found.quote in text


def test_what_the_assistant_said_may_be_said_back() -> None:
    guard = UserGuard(balance_task(), ADA)
    answer = "A-200 holds 31.50 since 2 May 2026; get_balance told me. Shall I close it ###NOW###?"
    turns = [Turn(role="user", content="What is on my accounts?"), Turn(role="assistant", content=answer)]
    assert guard.finding("Close A-200, with its 31.5 of May 2nd?", turns[:1]) is not None
    assert guard.finding("Close A-200, with its 31.5 of May 2nd? What is get_balance?", turns) is None


def test_an_answer_said_back_word_for_word_is_the_assistants() -> None:
    guard = UserGuard(balance_task(), ADA)
    answer = "Your first account holds 5, the second one 6 and the third one 7."
    found = guard.finding(f"  {answer}", [Turn(role="assistant", content=answer)])
    assert found is not None
    assert found.reason == "played_both_sides"


def test_results_of_own_tools_are_given() -> None:
    guard = UserGuard(balance_task(), ADA)
    assert guard.finding("It shows E-4403.", ()) is not None
    guard.hear('{"display": "E-4403"}')
    assert guard.finding("It shows E-4403.", ()) is None
