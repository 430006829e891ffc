"""Lets a dialogue state and check only once who is speaking. Pure.

A domain's `identity` names the tools that check it. When a later request comes from the same person, its reference does
not check again, and its wording leaves out the introduction (`{% if not known %}...{% endif %}` in a template).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from engine.domains import templates
from engine.types import Domain, TaskTurn, TemplateTurn

Check = tuple[str, str]
"""A call that checks an identity: the tool, and its arguments as JSON."""


def checks(domain: Domain, turn: TemplateTurn, slots: Mapping[str, Any]) -> dict[int, Check]:
    """Return {index in the chain: check} for the calls of a turn that check an identity given by its slots."""
    return {
        place: (step.call, json.dumps(templates.render_value(step.arguments, slots), sort_keys=True, default=str))
        for place, step in enumerate(turn.chain)
        if step.call in domain.identity and templates.names_below(step.arguments) <= slots.keys()
    }


def withholds_known(domain: Domain, turn: TemplateTurn, slots: Mapping[str, Any], known: Collection[Check]) -> bool:
    """Return whether the slot that a turn withholds is part of an identity that is known already."""
    slot = turn.withhold.slot if turn.withhold else None
    found = checks(domain, turn, slots).items()
    return any(check in known and slot in templates.names_below(turn.chain[place].arguments) for place, check in found)


def without_introduction(turn: TaskTurn, plain: TemplateTurn) -> TaskTurn:
    """Return the turn in the same wording without what introduces the person; unchanged when the turn's text is none of
    the template's wordings, because its mode replaced it."""
    wordings = plain.withhold.say if turn.hidden is not None and plain.withhold else plain.say
    same = next(
        (w for w in wordings if templates.render_text(w, templates.SPEAKER_NOT_KNOWN | turn.slots) == turn.say), None
    )
    if same is None:
        return turn
    return turn.model_copy(
        update={"say": templates.render_text(same, templates.SPEAKER_NOT_KNOWN | turn.slots | {"known": True})}
    )


def without_checks(turn: TaskTurn, places: Collection[int]) -> TaskTurn:
    """Return the turn with the calls at these indexes moved from its chain to `known`; unchanged when no call would be
    left."""
    kept = [place for place in range(len(turn.chain)) if place not in places]
    if not kept or not places:
        return turn
    parts: dict[str, Any] = {name: tuple(getattr(turn, name)[place] for place in kept) for name in ("chain", "groups")}
    return turn.model_copy(update=parts | {"known": tuple(turn.chain[place] for place in sorted(places))})
