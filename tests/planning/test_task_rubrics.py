"""Questions that a domain and its templates ask the rubric judge: which of them a task brings, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from engine.domains import catalog
from engine.errors import InputErrors
from engine.planning import tasks
from engine.planning.pack_lints import warnings
from engine.planning.template_faults import template_faults
from engine.types import Domain
from tests.samples.packs import ledger_files

DOMAIN = {
    "version": 2,
    "criteria": [{"id": "polite", "question": "Is it polite {{ not a slot }}?", "counts_as_yes": "It greets."}],
}
MOVE = {
    "version": 3,
    "threshold": 1,
    "success": [
        {
            "id": "moved",
            "question": "Were {{ amount }} moved?",
            "counts_as_yes": "A transfer of {{ amount }} succeeded.",
            "example_of_no": "It was only promised.",
            "request": 1,
        },
        {"id": "told", "question": "Was the new balance told at the end?", "counts_as_yes": "The number stands there."},
    ],
    "expected_tool_use": [{"id": "looked", "question": "Were the accounts of {{ owner }} looked up first?"}],
    "checkpoints": [
        {"id": "again", "question": "Was the balance read again?", "request": 2, "weight": 2, "counts_as_yes": "Read."}
    ],
}


def pack(domain: Any = None, template: Any = None) -> dict[str, bytes]:
    """Return the ledger's files with these rubrics in domain.yaml and in the template `move`."""
    files = ledger_files()
    for path, rubric in (("domain.yaml", domain), ("templates/move.yaml", template)):
        if rubric is not None:
            files[path] = yaml.safe_dump(yaml.safe_load(files[path]) | {"rubric": rubric}).encode()
    return files


def asked(domain: Domain, **how: Any) -> dict[str, list[str]]:
    """Return the names of the questions that a task brings, by rubric."""
    task = tasks.sample(domain, **how)
    return {f"{one.id}/{one.version}": [criterion.id for criterion in one.criteria] for one in task.rubrics}


def test_a_task_brings_the_questions_about_the_requests_that_it_makes() -> None:
    domain = catalog.parse(pack(DOMAIN, MOVE))
    one = asked(domain, mode="single", turns=1, seed=1, only=["balance"])
    assert one == {"ledger/2": ["domain.polite"]}, "another template asks nothing"
    assert asked(domain, mode="dependent", turns=1, only=["move"]) == {
        "ledger/2": ["domain.polite"],
        "ledger.move/3": ["move.success.moved"],
    }
    both = asked(domain, mode="dependent", turns=2, only=["move"])["ledger.move/3"]
    assert both == [
        *("move.success.moved", "move.success.told", "move.expected_tool_use.looked", "move.checkpoints.again")
    ]


def test_slots_are_filled_in_for_a_template_and_not_for_a_domain() -> None:
    task = tasks.sample(catalog.parse(pack(DOMAIN, MOVE)), mode="dependent", turns=2, only=["move"])
    general, own = task.rubrics
    assert general.criteria[0].question == "Is it polite {{ not a slot }}?"
    amount = task.slots["amount"]
    first = own.criteria[0]
    assert (first.question, first.counts_as_yes) == (
        f"Were {amount} moved?",
        f"A transfer of {amount} succeeded.",
    )
    assert (own.threshold, [one.weight for one in own.criteria]) == (1, [1, 1, 1, 2])


def test_nothing_of_a_template_is_asked_where_the_assistant_must_decline() -> None:
    domain = catalog.parse(pack(DOMAIN, MOVE))
    found = asked(domain, mode="missing_function", only=["move"])
    assert found == {"ledger/2": ["domain.polite"]}


def test_a_pack_without_rubrics_keeps_its_bytes() -> None:
    task = tasks.sample(catalog.parse(ledger_files()), mode="single", seed=1)
    assert task.rubrics == ()
    assert "rubrics" not in task.model_dump(mode="json")


@pytest.mark.parametrize(
    ("domain", "template", "said"),
    [
        (
            None,
            {"success": [{"id": "a", "question": "Is {{ nobody }} served?"}]},
            "rubric.success.1.question: 'nobody'",
        ),
        (None, {"success": [{"id": "a", "question": "{{ open"}]}, "templates/move.yaml"),
        (None, {"success": [{"id": "a", "question": "Q?", "request": 3}]}, "rubric.success.1.request: is 3"),
        (None, {"success": [{"id": "a", "question": "Q?"}, {"id": "a", "question": "R?"}]}, "'a' is used twice"),
        (None, {"version": 2}, "asks nothing"),
        (None, {"successes": []}, "is no known field"),
        ({"criteria": [{"id": "a", "question": "Q?"}, {"id": "a", "question": "R?"}]}, None, "'a' is used twice"),
        ({"criteria": []}, None, "domain.yaml"),
        ({"criteria": [{"id": "Not An Id", "question": "Q?"}]}, None, "rubric.criteria.1.id"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(domain: Any, template: Any, said: str) -> None:
    with pytest.raises(InputErrors) as refused:
        catalog.parse(pack(domain, template))
    assert said in str(refused.value)


def test_a_question_that_no_slot_can_save_is_a_fault_of_the_template() -> None:
    broken = {"success": [{"id": "a", "question": "Is it {{ 1 / 0 }}?"}]}
    found = template_faults(catalog.parse(pack(None, broken)))
    assert [error.where for error in found if "rubric" in error.where]


def test_a_question_without_an_anchor_is_warned_of() -> None:
    vague = {"success": [{"id": "good", "question": "Is it good?"}]}
    found = warnings(catalog.parse(pack({"criteria": [{"id": "fine", "question": "Fine?"}]}, vague)), goals=False)
    assert [text.split(" does not")[0] for text in found] == [
        "domain.yaml: rubric.criteria.1",
        "templates/move.yaml: rubric.success.1",
    ]
    assert warnings(catalog.parse(pack(DOMAIN, MOVE)), goals=False) == []
