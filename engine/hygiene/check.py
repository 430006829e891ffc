"""Runs all checks on a text from which the thoughts were already cut (thoughts.py)."""

from __future__ import annotations

from engine.hygiene import (
    cut_off,
    language,
    leftovers,
    persona_talk,
    refusals,
    results,
    roles,
    scratch,
    special_tokens,
    stage_directions,
)
from engine.hygiene.findings import Check, Context, Finding, Reason
from engine.hygiene.prose import Prose

__all__ = ["Context", "Finding", "Reason", "check"]


def _thinking(prose: Prose, context: Context) -> str | None:
    looks: tuple[Check, ...] = (scratch.find, persona_talk.find, stage_directions.find)
    return next((quote for look in looks if (quote := look(prose, context))), None)


_CHECKS: tuple[tuple[Reason, Check], ...] = (
    ("leaked_thinking", _thinking),
    ("played_both_sides", roles.find),
    ("invented_result", results.find),
    ("refused", refusals.find),
    ("wrong_language", language.find),
    ("cut_off", cut_off.find),
    ("special_tokens", special_tokens.find),
    ("leftovers", leftovers.find),
)


def check(text: str, context: Context) -> tuple[Finding, ...]:
    """Return what is wrong with a text, worst first and at most one finding of each reason; () when nothing is.

    An empty text has no findings: whether a turn may be empty, as beside calls, is not told by its text.
    """
    if not text or text.isspace():
        return ()
    prose = Prose(text)
    found = ((reason, look(prose, context)) for reason, look in _CHECKS)
    return tuple(Finding(reason, quote) for reason, quote in found if quote)
