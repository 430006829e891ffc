"""Whether the models of a batch fit their roles, as far as their profiles know. A batch starts all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.planning.players import roles_asked
from engine.types import Batch, Endpoint, ModelRole, Profile, as_profiled, endpoint_key

Profiles = Mapping[str, Profile]
"""Each by the endpoint that it was made for (`endpoint_key`)."""
ROOM_TO_THINK = 1024
"""Tokens below which a thinking model is often cut before its answer."""


@dataclass(frozen=True)
class Misfit:
    """One thing to know before a batch starts. One that is not `serious` costs quality or time, and no rollouts."""

    role: ModelRole
    text: str
    serious: bool


def misfits(batch: Batch, profiles: Profiles) -> list[Misfit]:
    """Return what does not fit, by role; of the judge also what does not fit of the further models of its panel. Models
    without a profile, or whose profile is of other settings, give none."""
    known = ((role, endpoint, profiles.get(endpoint_key(endpoint))) for role, endpoint in _asked(batch))
    return [
        misfit
        for role, endpoint, profile in known
        if profile is not None
        for misfit in role_misfits(role, endpoint, profile)
    ]


def untried(batch: Batch, profiles: Profiles) -> list[ModelRole]:
    """Return the roles of which a model has no profile."""
    return list(dict.fromkeys(role for role, endpoint in _asked(batch) if endpoint_key(endpoint) not in profiles))


def with_profiles(batch: Batch, profiles: Profiles) -> Batch:
    """Return the batch with what the profiles say of its models (`as_profiled`)."""

    def profiled(endpoint: Endpoint) -> Endpoint:
        return as_profiled(endpoint, profiles.get(endpoint_key(endpoint)))

    models = {role: profiled(endpoint) for role, endpoint in batch.models.items()}
    panel = tuple(map(profiled, batch.panel))
    same = models == batch.models and panel == batch.panel
    return batch if same else batch.model_copy(update={"models": models, "panel": panel})


def _asked(batch: Batch) -> Iterator[tuple[ModelRole, Endpoint]]:
    """Yield the models that a batch asks, each with its role."""
    for role in roles_asked(batch):
        if role in batch.models:
            yield role, batch.models[role]
        if role == "judge":
            further = {
                endpoint_key(endpoint): endpoint for endpoint in batch.panel if endpoint != batch.models.get(role)
            }
            yield from (("judge", endpoint) for endpoint in further.values())


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
