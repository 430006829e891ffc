"""States as an icon and a word; colour only adds to them. Each word that the studio shows for a state is defined
here."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import streamlit as st

from engine import modes, plugins
from engine.reviewing.verdicts import EFFECTS

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]


class Look(NamedTuple):
    """How one value is shown."""

    word: str
    icon: str
    colour: Colour


VERDICT: dict[str | None, Look] = {
    "accept": Look("Accepted", "check_circle", "green"),
    "reject": Look("Rejected", "cancel", "red"),
    "fix": Look("Fix", "edit", "orange"),
    None: Look("Not reviewed", "radio_button_unchecked", "gray"),
}
_STANDING: dict[str, tuple[str, Colour]] = {
    "accepted": ("check_circle", "green"),
    "corrected": ("edit", "green"),
    "rejected": ("cancel", "red"),
    "awaits_correction": ("pending_actions", "orange"),
    "none": ("radio_button_unchecked", "gray"),
}
STANDING: dict[str | None, Look] = {name: Look(effect.word, *_STANDING[name]) for name, effect in EFFECTS.items()}
STATUS: dict[str | None, Look] = {
    "kept": Look("Kept", "inventory_2", "green"),
    "rejected": Look("Rejected", "filter_alt_off", "orange"),
    "failed": Look("Failed", "report", "red"),
    "unmeasured": Look("Unmeasured", "help", "gray"),
}
OUTCOME: dict[str | None, Look] = {
    "success": Look("Success", "task_alt", "green"),
    "failure": Look("Failure", "close", "red"),
    "unmeasured": Look("Unmeasured", "help", "gray"),
}
CULPRIT: dict[str | None, Look] = {
    "agent": Look("Agent", "smart_toy", "violet"),
    "user": Look("User", "person", "blue"),
    "tool": Look("Tool", "build", "orange"),
    "infrastructure": Look("Infrastructure", "dns", "gray"),
    None: Look("Nobody", "remove", "gray"),
}
BATCH: dict[str | None, Look] = {
    "queued": Look("Queued", "schedule", "gray"),
    "running": Look("Running", "play_circle", "blue"),
    "paused": Look("Paused", "pause_circle", "orange"),
    "done": Look("Done", "check_circle", "green"),
    "failed": Look("Failed", "error", "red"),
    "cancelled": Look("Cancelled", "block", "gray"),
}
EXPORT: dict[str | None, Look] = {
    "waiting": Look("Waiting", "schedule", "gray"),
    "queued": Look("Waiting", "schedule", "gray"),
    "running": Look("Building", "play_circle", "blue"),
    "done": Look("Ready", "check_circle", "green"),
    "failed": Look("Failed", "error", "red"),
}
TABLES = {
    "verdict": VERDICT,
    "standing": STANDING,
    "status": STATUS,
    "outcome": OUTCOME,
    "culprit": CULPRIT,
    "batch": BATCH,
    "export": EXPORT,
}


def look(kind: str, value: str | None) -> Look:
    """Return the look of a value of "verdict", "standing", "status", "outcome", "culprit", "batch" or "export"."""
    return TABLES[kind].get(value) or Look(words(value or "unknown"), "circle", "gray")


def badge(kind: str, value: str | None, *, prefix: str = "", **options: Any) -> None:
    """Draw one badge; `prefix` says what it is about where the word alone would not ("Culprit: ")."""
    word, icon, colour = look(kind, value)
    st.badge(prefix + word, icon=f":material/{icon}:", color=colour, **options)


def plays_reference(teacher: str) -> bool:
    """Return whether a teacher replays the proof, so that no model wrote anything."""
    return bool(plugins.trait("teachers", teacher, "reference", False))


def badge_reference(teacher: str) -> None:
    """Mark what the reference teacher wrote: it is ground truth, not a model's work."""
    if plays_reference(teacher):
        st.badge(
            "reference", icon=":material/anchor:", color="violet", help="Played by the reference teacher, no model."
        )


def badge_isolation(isolated: bool | None) -> None:
    """Mark what ran in a sandbox that does not isolate."""
    if isolated is False:
        st.badge(
            "not isolated",
            icon=":material/gpp_maybe:",
            color="orange",
            help="Tools ran in a plain subprocess with resource limits, not in a container.",
        )


def words(code: str) -> str:
    """Return a code as words: "passes_untouched" → "Passes untouched"."""
    text = code.replace("_", " ")
    return text[:1].upper() + text[1:]


def score_name(name: str) -> str:
    """Return the words for a score; a criterion names its judge first: "rubric.goal_met" → "Rubric: goal met"."""
    judge, _, criterion = name.partition(".")
    return f"{words(judge)}: {criterion.replace('_', ' ').replace('.', ', ')}" if criterion else words(name)


def version_name(version: str) -> str:
    """Return the words for the version of a score: "version 1", "rubric default, version 2, prompt 4f0c12ab"."""
    parts = version.rsplit("/", 2)
    if len(parts) == 3 and all(parts):
        return "rubric {}, version {}, prompt {}".format(*parts)
    return f"version {version}"


def mode_name(mode: str | None) -> str:
    """Return the words for a mode, also for one that is no longer installed."""
    there = mode is not None and modes.find(mode) is not None
    return plugins.load("modes", mode).label if there else words(mode or "none")
