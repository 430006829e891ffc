"""Whether the models of a batch fit their roles, as far as their profiles know. A batch starts all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.planning.players import roles_asked
from engine.types import Batch, Endpoint, ModelRole, Profile, as_profiled, endpoint_key

Profiles = Mapping[ModelRole, Profile | None]
ROOM_TO_THINK = 1024
"""Tokens below which a thinking model is often cut before its answer."""


@dataclass(frozen=True)
class Misfit:
    """One thing to know before a batch starts. One that is not `serious` costs quality or time, and no rollouts."""

    role: ModelRole
    text: str
    serious: bool


def misfits(batch: Batch, profiles: Profiles) -> list[Misfit]:
    """Return what does not fit, by role. Models without a profile, or whose profile is of other settings, give none."""
    found: list[Misfit] = []
    for role in roles_asked(batch):
        endpoint, profile = batch.models.get(role), profiles.get(role)
        if endpoint is not None and _tried(endpoint, profile) and profile is not None:
            found += role_misfits(role, endpoint, profile)
    return found


def untried(batch: Batch, profiles: Profiles) -> list[ModelRole]:
    """Return the roles whose models have no profile."""
    models = {role: batch.models[role] for role in roles_asked(batch) if role in batch.models}
    return [role for role, endpoint in models.items() if not _tried(endpoint, profiles.get(role))]


def with_profiles(batch: Batch, profiles: Profiles) -> Batch:
    """Return the batch with what the profiles say of its models (`as_profiled`)."""
    models = {role: as_profiled(endpoint, profiles.get(role)) for role, endpoint in batch.models.items()}
    return batch if models == batch.models else batch.model_copy(update={"models": models})


def role_misfits(role: ModelRole, endpoint: Endpoint, profile: Profile) -> Iterator[Misfit]:
    """Yield what does not fit of one model in one role."""
    who, most = f"The {role}'s model {endpoint.model}", endpoint.sampling.max_tokens
    if role == "teacher":
        yield from _teacher_misfits(who, profile)
    elif profile.json_schema is False:
        text = f"{who} gave no JSON by a schema in its test call: it is asked in words, and more replies are lost."
        yield Misfit(role, text, serious=False)
    if profile.context_length is not None and most >= profile.context_length:
        length = f"{profile.context_length:,}"
        text = f"{who} has a context of {length} tokens, and may write {most:,}: nothing is left for the dialogue."
        yield Misfit(role, f"{text} Lower its most tokens (sampling.max_tokens).", serious=True)
    if profile.thinking in ("field", "text") and most < ROOM_TO_THINK:
        text = f"{who} thinks before it answers, and may write {most:,} tokens: many answers will be cut."
        yield Misfit(role, f"{text} Raise its most tokens (sampling.max_tokens) above {ROOM_TO_THINK:,}.", serious=True)


def _teacher_misfits(who: str, profile: Profile) -> Iterator[Misfit]:
    if profile.tools is False:
        why = profile.faults.get("tools", "")
        yield Misfit("teacher", f"{who} did not use a tool in its test call. {why}".strip(), serious=True)
    if profile.parallel == "broken":
        text = f"{who}: its server breaks on several calls in one message, so it is asked for one at a time."
        yield Misfit("teacher", f"{text} Requests that need several at once will be rejected.", serious=False)
    elif profile.parallel == "one_by_one":
        text = f"{who} made one call after the other where two at once were asked for."
        yield Misfit("teacher", f"{text} Requests that need several at once may be rejected.", serious=False)


def _tried(endpoint: Endpoint, profile: Profile | None) -> bool:
    return profile is not None and profile.made_for == endpoint_key(endpoint)
