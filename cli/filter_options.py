"""TrajectoryFilter on the command line: one option for each of its fields."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from engine.errors import InputError
from engine.types import TrajectoryFilter

OPTIONS = {
    "batch": ("batches", "Only these batches."),
    "domain": ("domains", "Only these domains."),
    "mode": ("modes", "Only these modes; none: what has no mode."),
    "template": ("templates", "Only these task templates."),
    "persona": ("personas", "Only these personas."),
    "teacher": ("teachers", "Only what these played: reference, llm."),
    "model": ("models", "Only these models of the assistant."),
    "tool": ("tools", "Only what called one of these tools."),
    "status": ("statuses", "kept, rejected, failed, unmeasured."),
    "outcome": ("outcomes", "success, failure, unmeasured."),
    "culprit": ("culprits", "agent, user, tool, infrastructure, none."),
    "stage": ("stages", "Only what was lost at: planned, proven, rolled_out, rules, state, judged."),
    "reached": ("reached", "Only what came through this stage."),
    "reason": ("reasons", "Only what was lost for one of these reasons."),
    "verdict": ("verdicts", "Of a human: accepted, corrected, rejected, awaits_correction, none."),
    "tag": ("tags", "Only with one of these problem tags, on the whole or on a turn."),
    "subset": (
        "subsets",
        "Only dialogues of one of these kinds, for example parallel_calls; a wrong one names them all.",
    ),
    "text": ("text", "Only where these words were said or are names of called tools."),
    "exported": ("exported", "Only what has left with an export, or has not."),
    "score": ("score", "Only what has this score; --score-min and --score-max bound it."),
    "score_min": ("score_min", "The lowest value of --score."),
    "score_max": ("score_max", "The highest value of --score."),
    "min_reward": ("min_reward", "Only this reward and above."),
    "max_reward": ("max_reward", "Only this reward and below."),
    "min_rating": ("min_rating", "Only rated so by a human, 1 to 5, and above."),
    "max_rating": ("max_rating", "Only rated so by a human, and below."),
    "min_turns": ("min_turns", "Only with so many messages and more."),
    "max_turns": ("max_turns", "Only with so many messages and fewer."),
    "min_tool_calls": ("min_tool_calls", "Only with so many calls and more."),
    "max_tool_calls": ("max_tool_calls", "Only with so many calls and fewer."),
    "min_tokens": ("min_tokens", "Only what took so many tokens and more."),
    "max_tokens": ("max_tokens", "Only what took so many tokens and fewer."),
    "min_cost_usd": ("min_cost_usd", "Only what cost so many dollars and more."),
    "max_cost_usd": ("max_cost_usd", "Only what cost so many dollars and less."),
}
"""Option -> (field, help). Options of fields that hold several values may be given several times."""


def with_filter(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a filter to a command. It gets those that were given as `chosen`: {field: value}."""

    @wraps(command)
    def with_chosen(**given: Any) -> None:
        chosen = {field: given.pop(option) for option, (field, _) in OPTIONS.items()}
        command(chosen={field: value for field, value in chosen.items() if value not in (None, [], "")}, **given)

    kept = {name: one for name, one in inspect.signature(command, eval_str=True).parameters.items() if name != "chosen"}
    hints = get_type_hints(TrajectoryFilter)
    added = {option: _option(option, hints[field], text) for option, (field, text) in OPTIONS.items()}
    with_chosen.__signature__ = inspect.Signature([*kept.values(), *added.values()])  # type: ignore[attr-defined]
    with_chosen.__annotations__ = {name: one.annotation for name, one in {**kept, **added}.items()}
    del with_chosen.__wrapped__
    return with_chosen


def check_modes(db: Any, chosen: TrajectoryFilter) -> None:
    """Raise InputError for a mode that is neither installed nor in any stored trajectory."""
    from engine import modes
    from storage.reviewing.trajectories import facets

    known = list(dict.fromkeys((*modes.names(), *facets(db)["modes"], "none")))
    if unknown := [mode for mode in chosen.modes if mode not in known]:
        raise InputError("--mode", f"there is no mode {unknown[0]!r}.", f"Choose one of: {', '.join(known)}.")


def _option(name: str, hint: Any, text: str) -> inspect.Parameter:
    """Return the option of a field with this type. Its values are checked later, with the whole filter."""
    several = get_origin(hint) is tuple
    kind = next((k for k in (bool, int, float) if k in (hint, *get_args(hint))), str)
    annotation = Annotated[(list[kind] if several else kind) | None, typer.Option(help=text, rich_help_panel="Filter")]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
