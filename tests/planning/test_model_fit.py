"""What is said before a batch whose models do not fit their roles."""

from __future__ import annotations

from typing import Any

import pytest

from engine.planning.model_fit import misfits, untried, with_profiles
from engine.types import Batch, Choice, DomainShare, Endpoint, ModelRole, Profile, Sampling, endpoint_key

ROLES: tuple[ModelRole, ...] = ("teacher", "user", "judge")


def batch_with(most: int = 2048, **more: Any) -> Batch:
    endpoint = Endpoint(model="m", llm="openai_compatible", api_base="http://a/v1", sampling=Sampling(max_tokens=most))
    return Batch(
        name="b",
        domains=(DomainShare(id="d"),),
        teacher=Choice(name="llm"),
        user=Choice(name="llm"),
        judges=(Choice(name="rules"), Choice(name="rubric")),
        models=dict.fromkeys(ROLES, endpoint),
        **more,
    )


def profile_of(batch: Batch, **found: Any) -> dict[str, Profile]:
    made_for = endpoint_key(batch.models["teacher"])
    return {made_for: Profile(made_at=1.0, made_for=made_for, **found)}


def said(batch: Batch, **found: Any) -> dict[str, list[tuple[str, bool]]]:
    by_role: dict[str, list[tuple[str, bool]]] = {}
    for one in misfits(batch, profile_of(batch, **found)):
        by_role.setdefault(one.role, []).append((one.text, one.serious))
    return by_role


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"tools": True, "parallel": "together", "json_schema": True, "thinking": "none", "context_length": 8192},
        {"thinking": "field", "context_length": 2049},
    ],
)
def test_what_fits_or_is_not_known_is_no_warning(found: dict[str, Any]) -> None:
    assert said(batch_with(), **found) == {}


def test_a_teacher_needs_tools() -> None:
    found = said(batch_with(), tools=False, faults={"tools": "It said: no tool parser."})
    assert list(found) == ["teacher"]
    ((text, serious),) = found["teacher"]
    assert text == "The teacher's model m did not use a tool in its test call. It said: no tool parser."
    assert serious


def test_user_and_judge_are_asked_for_json() -> None:
    found = said(batch_with(), json_schema=False)
    assert list(found) == ["user", "judge"]
    assert all("no JSON by a schema" in text and not serious for one in found.values() for text, serious in one)


@pytest.mark.parametrize(
    ("parallel", "word"), [("broken", "one at a time"), ("one_by_one", "one call after the other")]
)
def test_a_teacher_that_makes_one_call_at_a_time_is_noted(parallel: str, word: str) -> None:
    found = said(batch_with(), parallel=parallel)
    assert list(found) == ["teacher"]
    ((text, serious),) = found["teacher"]
    assert word in text
    assert not serious


def test_room_in_the_context_and_for_thoughts() -> None:
    found = said(batch_with(most=4096), context_length=4096)
    assert set(found) == set(ROLES)
    assert "4,096 tokens, and may write 4,096" in found["judge"][0][0]
    found = said(batch_with(most=1023), thinking="text")
    assert "many answers will be cut" in found["teacher"][0][0]
    assert said(batch_with(most=1024), thinking="text") == {}


def test_only_models_that_are_asked_and_profiles_of_the_same_settings_count() -> None:
    batch = batch_with()
    profiles = profile_of(batch, tools=False, json_schema=False)
    reference = batch.model_copy(update={"teacher": Choice(name="reference"), "user": Choice(name="reference")})
    assert {one.role for one in misfits(reference, profiles)} == {"judge"}
    assert untried(reference, {}) == ["judge"]
    assert untried(batch, profiles) == []
    other = batch.model_copy(
        update={"models": {role: e.model_copy(update={"model": "n"}) for role, e in batch.models.items()}}
    )
    assert misfits(other, profiles) == []
    assert untried(other, profiles) == list(ROLES)


def test_auto_is_what_the_profile_says() -> None:
    batch = batch_with()
    assert with_profiles(batch, profile_of(batch, parallel="together")) is batch
    changed = with_profiles(batch, profile_of(batch, parallel="broken"))
    assert {one.parallel_calls for one in changed.models.values()} == {"forbid"}
    assert changed.fingerprint != batch.fingerprint
    assert with_profiles(batch, {}) is batch


def test_the_further_models_of_a_panel_are_judges_too() -> None:
    batch = batch_with()
    other = batch.models["judge"].model_copy(update={"model": "other"})
    batch = batch.model_copy(update={"panel": (batch.models["judge"], other, other)})
    profiles = profile_of(batch, json_schema=True)
    assert untried(batch, profiles) == ["judge"]
    made_for = endpoint_key(other)
    profiles[made_for] = Profile(made_at=1.0, made_for=made_for, json_schema=False, parallel="broken")
    assert untried(batch, profiles) == []
    ((role, text, serious),) = ((one.role, one.text, one.serious) for one in misfits(batch, profiles))
    assert (role, serious) == ("judge", False)
    assert text.startswith("The judge's model other gave no JSON by a schema")
    changed = with_profiles(batch, profiles)
    assert changed.models == batch.models
    assert [endpoint.parallel_calls for endpoint in changed.panel] == ["auto", "forbid", "forbid"]
    without = batch.model_copy(update={"judges": (Choice(name="rules"),)})
    assert misfits(without, profiles) == []
