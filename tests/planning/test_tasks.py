"""Sampling, modes and composition, on the ledger domain."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.planning import tasks
from engine.types import MODES, Domain, Mode, TaskTemplate


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_tasks_and_the_same_seed_the_same_task(ledger: Domain, mode: Mode) -> None:
    first = [tasks.sample(ledger, mode=mode, turns=1, seed=seed) for seed in range(10)]
    again = [tasks.sample(ledger, mode=mode, turns=1, seed=seed) for seed in range(10)]
    assert first == again
    assert all(task.modes == (mode,) for task in first)
    assert len({tasks.wording(task) for task in first}) > 1


def test_single_offers_only_the_needed_tool(ledger: Domain) -> None:
    for seed in range(10):
        task = tasks.sample(ledger, mode="single", seed=seed)
        assert [tool.name for tool in task.tools] == [task.turns[0].chain[0].call]


def test_distractors_offers_everything(ledger: Domain) -> None:
    task = tasks.sample(ledger, mode="distractors", seed=1)
    assert {tool.name for tool in task.tools} == {tool.name for tool in ledger.tools}
    assert any(tool.distractor for tool in task.tools)


def test_parallel_calls_share_a_group(ledger: Domain) -> None:
    task = tasks.sample(ledger, mode="parallel", seed=1)
    assert task.turns[0].groups == (0, 0)


def test_dependent_uses_an_earlier_result(ledger: Domain) -> None:
    task = tasks.sample(ledger, mode="dependent", seed=1)
    assert task.template == "move"


def test_missing_parameter_hides_the_slot_until_asked(ledger: Domain) -> None:
    for seed in range(10):
        task = tasks.sample(ledger, mode="missing_parameter", seed=seed)
        turn = task.turns[0]
        assert turn.slots["account_id"] not in turn.say
        assert turn.hidden is not None
        assert turn.slots["account_id"] in turn.hidden


def test_missing_function_withholds_a_tool_and_expects_no_call(ledger: Domain) -> None:
    task = tasks.sample(ledger, mode="missing_function", seed=3)
    assert task.withheld_tools
    assert not set(task.withheld_tools) & {tool.name for tool in task.tools}
    assert task.turns[0].chain == ()


def test_tool_error_marks_one_call(ledger: Domain) -> None:
    task = tasks.sample(ledger, mode="tool_error", seed=1)
    assert task.turns[0].fault in range(len(task.turns[0].chain))


def test_longer_dialogues_agree_on_linked_slots(ledger: Domain) -> None:
    composed = 0
    for seed in range(40):
        task = tasks.sample(ledger, mode="multiple", turns=3, seed=seed)
        assert len(task.turns) == 3
        owners = {turn.slots["owner"] for turn in task.turns if "owner" in turn.slots}
        assert len(owners) == 1
        composed += len(task.templates) > 1
    assert composed


def test_a_mode_that_nothing_serves_is_refused_with_its_reason(ledger: Domain) -> None:
    with pytest.raises(tasks.Rejected) as refusal:
        tasks.sample(ledger, mode="parallel", only=("balance",))
    assert refusal.value.reason == "mode_not_applicable"


def test_an_ambiguous_request_is_refused(ledger: Domain) -> None:
    template = next(t for t in ledger.templates if t.id == "move")
    slots = (template.slots[0], template.slots[1].model_copy(update={"unique": "select 1 from accounts"}))
    changed: TaskTemplate = template.model_copy(update={"slots": slots})
    domain = ledger.model_copy(update={"templates": (changed,)})
    with pytest.raises(tasks.Rejected) as refusal:
        tasks.sample(domain, mode="dependent")
    assert refusal.value.reason == "ambiguous_slot"
    assert "8 rows" in refusal.value.detail


@pytest.mark.parametrize(("column", "what"), [("x'00ff'", "bytes"), ("9e999", "an infinite number")])
def test_a_slot_that_json_cannot_hold_is_the_template_s_own_error(ledger: Domain, column: str, what: str) -> None:
    template = next(t for t in ledger.templates if t.id == "move")
    query = f"select a.*, {column} as extra from ({template.slots[0].query}) a"
    slots = (template.slots[0].model_copy(update={"query": query}), *template.slots[1:])
    domain = ledger.model_copy(update={"templates": (template.model_copy(update={"slots": slots}),)})
    with pytest.raises(InputError, match=f"column extra holds {what}. Select other columns"):
        tasks.sample(domain, mode="dependent")


def test_only_the_columns_that_become_slots_must_be_sayable(ledger: Domain) -> None:
    template = next(t for t in ledger.templates if t.id == "move")
    slots = (template.slots[0].model_copy(update={"unique": "select x'00' as photo"}), *template.slots[1:])
    domain = ledger.model_copy(update={"templates": (template.model_copy(update={"slots": slots}),)})
    assert tasks.sample(domain, mode="dependent").turns


def test_difficulty_rises_with_steps_tools_and_dependencies(ledger: Domain) -> None:
    easy = tasks.sample(ledger, mode="single", seed=1).difficulty
    chained = tasks.sample(ledger, mode="dependent", seed=1).difficulty
    longer = tasks.sample(ledger, mode="dependent", turns=3, seed=1).difficulty
    assert easy < chained < longer
