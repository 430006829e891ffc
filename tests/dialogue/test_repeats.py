"""Which calls are new to a dialogue, and where a mode is placed because of that."""

from __future__ import annotations

from typing import Any

import pytest

from engine import modes
from engine.dialogue.repeats import new_calls
from engine.planning import tasks
from engine.types import Domain, Mode, ReferenceCall, TaskTurn


def turn(*calls: ReferenceCall, mode: Mode = "tool_error", groups: tuple[int, ...] = (), **slots: Any) -> TaskTurn:
    groups = groups or tuple(range(len(calls)))
    return TaskTurn(mode=mode, say="x", answer="y", chain=calls, groups=groups, slots=slots)


def read(account: str, **more: Any) -> ReferenceCall:
    return ReferenceCall(call="get_balance", arguments={"account_id": account}, **more)


NOTE = ReferenceCall(call="set_note", arguments={"account_id": "A-1", "note": "x"})


@pytest.mark.parametrize(
    ("earlier", "calls", "new"),
    [
        ((), (read("A-1"), read("A-2")), [0, 1]),
        ((), (read("A-1"), read("A-1", save="again")), [0]),
        ((read("A-1"),), (read("A-1"), read("A-2")), [1]),
        ((read("A-1"),), (read("{{ mine }}"), read("{{ other }}")), [1]),
        ((read("A-1"),), (read("{{ found.id }}"),), []),  # a result may be A-1
        ((read("{{ found.id }}"),), (read("A-1"),), []),
        ((read("A-1"),), (ReferenceCall(call="get_balance"),), [0]),
        ((NOTE,), (NOTE,), [0]),  # a change is made anew
    ],
)
def test_which_calls_are_new(ledger: Domain, earlier: Any, calls: Any, new: list[int]) -> None:
    assert new_calls(ledger, [turn(*earlier)], turn(*calls, mine="A-1", other="A-2")) == new


@pytest.mark.parametrize(
    ("mode", "met"), [("single", False), ("tool_error", False), ("parallel", False), ("multiple", True)]
)
def test_a_mode_about_calls_needs_new_ones(ledger: Domain, mode: Mode, met: bool) -> None:
    asked = turn(read("A-1"), read("A-2"), mode=mode, groups=(0, 0))
    exercised = modes.named(mode).exercised
    assert exercised(ledger, [turn(read("A-1"), read("A-2"))], asked) is met
    assert exercised(ledger, [turn(read("A-1"))], asked) is (mode != "parallel")
    assert exercised(ledger, [], asked)


@pytest.mark.parametrize("mode", ["tool_error", "single", "parallel"])
def test_no_sampled_task_has_its_mode_on_a_repeated_read(ledger: Domain, mode: Mode) -> None:
    later = 0
    for seed in range(80):
        task = tasks.sample(ledger, mode=mode, turns=3, seed=seed)
        place = task.modes.index(mode)
        earlier, asked = task.turns[:place], task.turns[place]
        assert modes.named(mode).exercised(ledger, earlier, asked)
        assert asked.fault is None or asked.fault in new_calls(ledger, earlier, asked)
        assert (asked.fault is None) == (mode != "tool_error")
        later += place > 0
    assert later
    assert tasks.sample(ledger, mode=mode, turns=3, seed=7) == tasks.sample(ledger, mode=mode, turns=3, seed=7)
