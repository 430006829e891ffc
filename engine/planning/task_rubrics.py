"""Which questions of a domain and its templates the rubric judge may ask about one task. Pure.

A question about a request that the dialogue does not make has no right answer, so it is left out. So are all of a
template whose request the assistant must decline, since they are about a request that is met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from engine import modes
from engine.domains import templates
from engine.types import Criterion, Domain, Rubric, TaskTemplate, TaskTurn

Part = tuple[TaskTemplate | None, Sequence[TaskTurn]]
"""Requests that follow each other in a task, with their template; None for a question on the policy."""


def rubrics_of(domain: Domain, parts: Iterable[Part]) -> tuple[Rubric, ...]:
    """Return the rubrics of a task that makes these requests. Raises InputError for a text that cannot be rendered."""
    asked = [
        rubric
        for template, turns in parts
        if template is not None and not any(modes.named(turn.mode).declines for turn in turns)
        for rubric in template_rubric(domain, template, len(turns), turns[0].slots)
    ]
    return (*domain_rubric(domain), *asked)


def domain_rubric(domain: Domain) -> Iterator[Rubric]:
    """Yield the rubric of a domain, where it has one. Its questions are named `domain.<id>`."""
    if (own := domain.rubric) is not None:
        criteria = tuple(_named(one, f"domain.{one.id}") for one in own.criteria)
        yield Rubric(id=domain.id, version=own.version, threshold=own.threshold, criteria=criteria)


def template_rubric(
    domain: Domain, template: TaskTemplate, requests: int, slots: Mapping[str, Any]
) -> Iterator[Rubric]:
    """Yield the rubric of a template, of which the dialogue makes the first `requests` requests, where anything is left
    to ask. Its questions are named `<template>.<kind>.<id>`. Raises InputError for a text that cannot be rendered."""
    own = template.rubric
    if own is None:
        return
    every = len(template.turns)
    criteria = tuple(
        _named(one, f"{template.id}.{kind}.{one.id}", slots)
        for kind, asked in own.by_kind().items()
        for one in asked
        if (one.request or every) <= requests
    )
    if criteria:
        name = f"{domain.id}.{template.id}"
        yield Rubric(id=name, version=own.version, threshold=own.threshold, criteria=criteria)


def _named(one: Criterion, id: str, slots: Mapping[str, Any] | None = None) -> Criterion:
    """Return a question under another name, with these slots filled in (None: it is no Jinja text)."""
    texts = {name: getattr(one, name) for name in ("question", "counts_as_yes", "example_of_no")}
    if slots is not None:
        texts = {name: templates.render_text(text, slots) for name, text in texts.items()}
    return Criterion(id=id, weight=one.weight, **texts)
