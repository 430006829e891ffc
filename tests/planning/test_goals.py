"""The goal of a task names exactly what its requests ask for."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli.main import app
from engine.domains import catalog
from engine.errors import InputErrors
from engine.planning import tasks
from engine.planning.goals import by_request, goal_of, warning
from engine.types import Domain, Mode, TaskTemplate
from tests.samples.packs import LEDGER

FIRST = "{% if not known %}You are {{ owner }}. {% endif %}You want {{ amount }} moved from savings to daily."
SECOND = "Then you want to hear what daily holds{% if not known %}, {{ owner }}{% endif %}."


OLD: dict[tuple[Mode, int, int], tuple[str, str]] = {
    ("multiple", 1, 0): ("f44c93296f4a4ea0", "You are Ada and want to know the balance of account A-1."),
    ("dependent", 1, 1): (
        "d8e93b1780cd935e",
        "You are Dan and want to move 20 from your savings account to your daily account, then hear what is left.",
    ),
    ("parallel", 2, 2): (
        "b4f558cdd23cff8d",
        "You want to know which of A-3 and A-4 holds more.\n\nYou are Ben and want to know the balance of account A-4.",
    ),
    ("missing_parameter", 2, 3): (
        "6f6fa22483913d17",
        "You are Ada and want to know the balance of account A-2.\n\nYou want to know which of A-1 and A-2 holds more.",
    ),
    ("missing_function", 1, 4): (
        "9943b97b8a041f05",
        "You are Cleo and want to move 10 from your savings account to your daily account, then hear what is left.",
    ),
    ("tool_error", 3, 5): (
        "9bc2f04f260ee467",
        "You want to know which of A-3 and A-4 holds more.\n\n"
        "You are Ben and want to move 10 from your savings account to your daily account, then hear what is left.",
    ),
    ("no_tool", 3, 6): (
        "934b6255167aae55",
        "You want to know which of A-3 and A-4 holds more.\n\n"
        "You are Ben and want to know the balance of account A-4.\n\n"
        "What is the most I can transfer?",
    ),
}
"""Mode, turns and seed -> id and goal of the task, as they were before turns had goals."""


def _move(ledger: Domain, *goals: str | None) -> TaskTemplate:
    template = next(one for one in ledger.templates if one.id == "move")
    turns = [
        turn.model_copy(update={"goal": goal}) for turn, goal in zip(template.turns, goals or (None, None), strict=True)
    ]
    return template.model_copy(update={"turns": tuple(turns)})


def _files(ledger: Domain, first: str | None, second: str | None) -> dict[str, bytes]:
    files, path = dict(ledger.files), "templates/move.yaml"
    head, one, two = files[path].decode().split("  - say:")
    goals = ["  - " + (f"goal: {goal}\n    say:" if goal else "say:") for goal in (first, second)]
    files[path] = (head + goals[0] + one + goals[1] + two).encode()
    return files


SLOTS = {"owner": "Ada", "amount": 20}


def test_a_task_of_one_request_does_not_want_the_second(ledger: Domain) -> None:
    domain = catalog.parse(_files(ledger, "You want {{ amount }} moved.", "Then you want to hear what daily holds."))
    short = tasks.sample(domain, mode="dependent", turns=1, seed=3, only=["move"])
    long = tasks.sample(domain, mode="dependent", turns=2, seed=3, only=["move"])
    assert short.goal == f"You want {short.slots['amount']} moved."
    assert long.goal == f"You want {long.slots['amount']} moved. Then you want to hear what daily holds."


def test_further_templates_want_only_what_is_asked_of_them_too(ledger: Domain) -> None:
    domain = catalog.parse(_files(ledger, "You want {{ amount }} moved.", "Then you want to hear what daily holds."))
    cut = 0
    for seed in range(60):
        task = tasks.sample(domain, mode="single", turns=2, seed=seed, only=["balance", "move"])
        cut += "moved." in task.goal
        assert "hear what daily holds" not in task.goal
        assert len(task.goal.split("\n\n")) == len(task.templates) == 2
    assert cut


def test_a_person_who_was_introduced_is_not_introduced_again_in_any_request(ledger: Domain) -> None:
    template = _move(ledger, FIRST, SECOND)
    assert goal_of(template, 2, SLOTS, ()) == (
        "You are Ada. You want 20 moved from savings to daily. Then you want to hear what daily holds, Ada."
    )
    assert goal_of(template, 2, SLOTS, {1}) == (
        "You are Ada. You want 20 moved from savings to daily. Then you want to hear what daily holds."
    )
    assert goal_of(template, 1, SLOTS, {0, 1}) == "You want 20 moved from savings to daily."


@pytest.mark.parametrize("goals", [(None, None), (None, SECOND)])
def test_where_a_turn_has_no_goal_the_whole_template_s_holds(ledger: Domain, goals: tuple[str | None, ...]) -> None:
    template = _move(ledger, *goals)
    assert not by_request(template)
    assert goal_of(template, 1, SLOTS, ()) == goal_of(template, 2, SLOTS, ())
    assert goal_of(template, 1, SLOTS, ()).endswith("to your daily account, then hear what is left.")


def test_a_task_takes_the_goals_of_its_requests_where_a_later_turn_has_none(ledger: Domain) -> None:
    template = _move(ledger, FIRST, None)
    assert goal_of(template, 1, SLOTS, {0}) == "You want 20 moved from savings to daily."
    assert goal_of(template, 2, SLOTS, ()).endswith("to your daily account, then hear what is left.")


def test_an_old_pack_gives_the_task_that_it_gave(ledger: Domain) -> None:
    found = [tasks.sample(ledger, mode=mode, turns=turns, seed=seed) for mode, turns, seed in OLD]
    assert [(task.id, task.goal) for task in found] == list(OLD.values())


def test_a_goal_of_a_turn_may_use_only_what_exists(ledger: Domain) -> None:
    with pytest.raises(InputErrors) as refused:
        catalog.parse(_files(ledger, "You want {{ sum }} moved.", None))
    assert "templates/move.yaml line 9: turns.1.goal" in str(refused.value)
    assert "'sum'" in str(refused.value)


@pytest.mark.parametrize(("goals", "number"), [((None, None), 0), ((None, SECOND), 0)])
def test_a_template_of_several_turns_without_goals_is_warned_about(
    ledger: Domain, goals: tuple[str | None, ...], number: int
) -> None:
    told = warning(_move(ledger, *goals))
    assert told is not None
    assert f"templates/move.yaml: turns.{number + 1}.goal is missing" in told


def test_one_turn_and_a_goal_for_each_give_no_warning(ledger: Domain) -> None:
    assert warning(_move(ledger, FIRST, SECOND)) is None
    assert warning(_move(ledger, FIRST, None)) is None
    assert warning(next(one for one in ledger.templates if one.id == "balance")) is None


def test_validate_warns_and_still_passes() -> None:
    done = CliRunner().invoke(app, ["validate", str(LEDGER)])
    assert done.exit_code == 0
    assert done.output.count("warning:") == 1
    assert "warning: templates/move.yaml: turns.1.goal is missing" in done.output
