"""Plans are pure, exact in their quotas, and the same on every engine."""

from __future__ import annotations

from collections import Counter

import pytest

from engine.errors import InputErrors
from engine.planning.planner import check, plan
from engine.types import Batch, Domain, Persona
from tests.samples.batches import batch_of


def specs(batch: Batch, ledger: Domain, persona: Persona) -> list:
    return list(plan(batch, {ledger.digest: ledger}, [persona]))


def test_a_plan_is_reproducible_and_its_ids_are_unique(ledger: Domain, persona: Persona) -> None:
    batch = batch_of(ledger, trajectories=60)
    first, again = specs(batch, ledger, persona), specs(batch, ledger, persona)
    assert first == again
    assert len({spec.id for spec in first}) == 60
    assert [spec.index for spec in first] == list(range(60))
    assert {s.id for s in specs(batch_of(ledger, trajectories=60, seed=1), ledger, persona)}.isdisjoint(
        {spec.id for spec in first}
    )


def test_what_does_not_shape_the_content_does_not_change_the_ids(ledger: Domain, persona: Persona) -> None:
    plain = specs(batch_of(ledger), ledger, persona)
    moved = specs(batch_of(ledger, name="other", concurrency=99, sandbox="docker"), ledger, persona)
    assert [s.id for s in plain] == [s.id for s in moved]


def test_quotas_follow_the_weights_exactly(ledger: Domain, persona: Persona) -> None:
    batch = batch_of(ledger, trajectories=100, modes={"single": 3, "dependent": 1, "no_tool": 1}, turns={1: 3, 2: 1})
    found = specs(batch, ledger, persona)
    assert Counter(spec.mode for spec in found) == {"single": 60, "dependent": 20, "no_tool": 20}
    lengths = Counter(len(spec.task.turns) for spec in found if spec.task)
    assert lengths[2] <= 25
    assert sum(lengths.values()) + sum(spec.rejected is not None for spec in found) == 100


def test_attempts_share_their_task_and_the_total_is_exact(ledger: Domain, persona: Persona) -> None:
    found = specs(batch_of(ledger, trajectories=10, attempts=4), ledger, persona)
    assert [spec.attempt for spec in found] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert len({spec.task.id for spec in found[:4] if spec.task}) == 1
    assert len({spec.seed for spec in found}) == 10


def test_exhausted_tasks_become_duplicates_with_a_reason(ledger: Domain, persona: Persona) -> None:
    batch = batch_of(ledger, trajectories=60, modes={"no_tool": 1}, turns={1: 1})
    found = specs(batch, ledger, persona)
    assert len(found) == 60
    lost = [spec for spec in found if spec.rejected]
    assert lost
    assert {spec.rejected for spec in lost} == {"duplicate"}
    assert "repeated earlier tasks" in lost[0].detail


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"teacher": "llm"}, "models.teacher"),
        ({"judges": ["rubric"]}, "models.judge"),
        ({"domains": [{"id": "ledger", "digest": "gone"}]}, "domains.1"),
    ],
)
def test_what_cannot_start_names_the_field(ledger: Domain, persona: Persona, changes: dict, where: str) -> None:
    with pytest.raises(InputErrors) as refusal:
        check(batch_of(ledger, **changes), {ledger.digest: ledger}, [persona])
    assert where in {error.where for error in refusal.value.errors}


def test_a_mode_without_a_template_is_refused_before_the_start(ledger: Domain, persona: Persona) -> None:
    shares = [{"id": "ledger", "digest": ledger.digest, "templates": ["balance"]}]
    with pytest.raises(InputErrors, match="no template of ledger serves"):
        check(batch_of(ledger, domains=shares, modes={"parallel": 1}), {ledger.digest: ledger}, [persona])
