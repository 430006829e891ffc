"""Who plays and judges a batch and with which options, what is refused and where, and which models it needs."""

from __future__ import annotations

from typing import Any

import pytest

from engine import plugins
from engine.errors import InputErrors
from engine.planning.batch_file import dump_batch, parse_batch
from engine.planning.planner import check
from engine.planning.players import roles_asked
from engine.types import Batch, Choice, Domain, DomainShare, Persona
from tests.samples.batches import batch_of

FILE = b"""name: tuned
domains: [retail]
teacher: reference
judges:
  - state
  - rules: {same_call_limit: 2}
  - rubric:
      chars_per_turn: 300
"""


def test_a_batch_file_names_plug_ins_alone_or_with_options() -> None:
    found = parse_batch(FILE, "tuned.yaml")
    assert found.judges == (
        Choice(name="state"),
        Choice(name="rules", options={"same_call_limit": 2}),
        Choice(name="rubric", options={"chars_per_turn": 300}),
    )
    assert parse_batch(dump_batch(found).encode(), "again.yaml") == found
    assert Batch.model_validate_json(found.model_dump_json()) == found


def test_plain_names_change_no_fingerprint_and_options_do() -> None:
    plain = batch_of("retail", judges=["rules", "state"])
    assert plain.model_dump(mode="json")["judges"] == ["rules", "state"]
    assert plain.model_dump(mode="json")["teacher"] == "reference"
    assert batch_of("retail", judges=[{"rules": {}}, {"state": None}]).fingerprint == plain.fingerprint
    assert batch_of("retail", judges=[{"rules": {"same_call_limit": 2}}, "state"]).fingerprint != plain.fingerprint
    assert batch_of("retail", judges=["rules", "state"], teacher={"reference": {}}).fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("same_call_limit: 2", "same_call_limit: 0", "6: judges.2.rules.same_call_limit: Input should be greater"),
        ("same_call_limit: 2", "limit: 2", "6: judges.2.rules.limit: is no known field"),
        ("same_call_limit: 2", "same_call_limit: many", "6: judges.2.rules.same_call_limit: Input should be"),
        ("chars_per_turn: 300", "chars_per_turn: 30", "8: judges.3.rubric.chars_per_turn: Input should be greater"),
        ("  - state\n", "  - taste\n", "5: judges.1: there is no plug-in 'taste'"),
        ("  - state\n", "  - {state: {}, facts: {}}\n", "5: judges.1: give a name, or one name with its options"),
        ("  - state\n", "  - 3\n", "5: judges.1: give a name"),
        ("teacher: reference", "teacher: {reference: {speed: 2}}", "3: teacher.reference.speed: is no known field"),
        ("teacher: reference", "teacher: [reference]", "3: teacher: give a name"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field_and_line(old: str, new: str, told: str) -> None:
    with pytest.raises(InputErrors) as refused:
        parse_batch(FILE.replace(old.encode(), new.encode()), "tuned.yaml")
    assert [str(one).startswith(f"tuned.yaml line {told}") for one in refused.value.errors] == [True]


def test_a_batch_that_was_stored_with_a_wrong_option_cannot_start(ledger: Domain, persona: Persona) -> None:
    share = DomainShare(id=ledger.id, digest=ledger.digest)
    wrong = batch_of("retail", domains=[share], judges=[{"rules": {"limit": 2}}])
    with pytest.raises(InputErrors, match=r"judges\.1\.rules\.limit"):
        check(wrong, {ledger.digest: ledger}, [persona])


@pytest.mark.parametrize(
    ("changes", "roles"),
    [
        ({}, []),
        ({"teacher": "llm"}, ["teacher"]),
        ({"teacher": "llm", "user": "llm", "judges": ["rubric", "rules"]}, ["teacher", "user", "judge"]),
        ({"judges": [{"rubric": {"chars_per_turn": 500}}]}, ["judge"]),
    ],
)
def test_the_models_that_a_batch_needs_are_those_that_its_plug_ins_ask(
    changes: dict[str, Any], roles: list[str], ledger: Domain, persona: Persona
) -> None:
    asked = batch_of(ledger, **changes)
    assert roles_asked(asked) == roles
    if not roles:
        check(asked, {ledger.digest: ledger}, [persona])
        return
    with pytest.raises(InputErrors) as refused:
        check(asked, {ledger.digest: ledger}, [persona])
    assert [one.where for one in refused.value.errors] == [f"models.{role}" for role in roles]


def test_every_player_and_judge_says_what_it_asks_and_decides() -> None:
    for kind in ("teachers", "users", "judges"):
        for name in plugins.names(kind):
            make = plugins.load(kind, name).make
            assert make.asks in (None, "teacher", "user", "judge")
            if kind == "judges":
                assert isinstance(make.decides, bool)
                assert make.stage in ("rules", "state", "judged")
            else:
                assert isinstance(make.reference, bool)
                assert not (make.reference and make.asks)
