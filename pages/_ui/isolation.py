"""Sentences for a sandbox that does not isolate, and for the image that is being built meanwhile."""

from __future__ import annotations

import time

from engine import settings
from engine.serving.image_build import BuildState, ImageBuild
from pages._ui.text import literal
from storage.serving.engines import EngineRow


def isolation_notice(engine: EngineRow | None) -> str | None:
    """Return the warning for an engine whose sandbox does not isolate, None when it does or is not known yet."""
    if engine is None or engine.isolated is not False:
        return None
    state = _state()
    if state is None:
        move = "Start a Docker engine or install bubblewrap, then choose it under Settings."
    elif state.building:
        move = f"{_building_sentence(state)} A batch keeps the sandbox that it began in."
    else:
        move = literal(f"There is no sandbox image: {state.reason}")
    return (
        f"Tools run in the sandbox {literal(engine.sandbox)}, which does not isolate: fine for the shipped domains, "
        f"not for code that you do not trust. {move}"
    )


def until_built() -> str | None:
    """Return a sentence while the sandbox image is being built, else None."""
    state = _state()
    return _building_sentence(state) if state and state.building else None


def _state() -> BuildState | None:
    return ImageBuild(settings.read().home).state()


def _building_sentence(state: BuildState) -> str:
    so_far = max(0.0, time.time() - state.since)
    return f"The sandbox image is being built ({so_far:.0f} s so far); until then tools run without isolation."
