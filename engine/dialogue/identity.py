"""Who is speaking is said and checked once in a dialogue. Pure.

A domain's `identity` names the tools that check it. Where a later request comes from the same person, its reference
does not check again, and its wording leaves out what was told (`{% if not known %}...{% endif %}` in a template).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from engine.domains import templates
from engine.types import Domain, TaskTurn, TemplateTurn

Check = tuple[str, str]
"""A tool that checks an identity, and the arguments that it is given as JSON."""


def checks(domain: Domain, turn: TemplateTurn, slots: Mapping[str, Any]) -> dict[int, Check]:
    """Return, by place in the chain, the calls of a turn that check an identity told in its slots."""
    return {
        place: (step.call, json.dumps(templates.value(step.arguments, slots), sort_keys=True, default=str))
        for place, step in enumerate(turn.chain)
        if step.call in domain.identity and templates.names_below(step.arguments) <= slots.keys()
    }


def withholds(domain: Domain, turn: TemplateTurn, slots: Mapping[str, Any], told: Collection[Check]) -> bool:
    """Return whether what a turn holds back belongs to an identity that was told."""
    slot = turn.withhold.slot if turn.withhold else None
    found = checks(domain, turn, slots).items()
    return any(check in told and slot in templates.names_below(turn.chain[place].arguments) for place, check in found)


def introduced(turn: TaskTurn, plain: TemplateTurn) -> TaskTurn:
    """Return the turn in the same wording, without what an earlier request told of the person; a turn to which its mode
    gave words of its own as it is."""
    wordings = plain.withhold.say if turn.hidden is not None and plain.withhold else plain.say
    same = next((w for w in wordings if templates.text(w, templates.UNKNOWN | turn.slots) == turn.say), None)
    if same is None:
        return turn
    return turn.model_copy(update={"say": templates.text(same, templates.UNKNOWN | turn.slots | {"known": True})})


def unchecked(turn: TaskTurn, places: Collection[int]) -> TaskTurn:
    """Return the turn without the calls at these places of its chain, whose results it knows; the same where no call
    would be left."""
    kept = [place for place in range(len(turn.chain)) if place not in places]
    if not kept or not places:
        return turn
    parts: dict[str, Any] = {name: tuple(getattr(turn, name)[place] for place in kept) for name in ("chain", "groups")}
    return turn.model_copy(update=parts | {"known": tuple(turn.chain[place] for place in sorted(places))})
