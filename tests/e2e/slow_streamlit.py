"""Runs Streamlit with a review page that draws slowly: `python -m tests.e2e.slow_streamlit run app.py`.

Between the title, the turns and what is beside them lies a pause each, so that a press meets the page half drawn. On a
quiet machine these moments are too short to be met.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pages.review.parts import turn_viewer, verdict_panel

PAUSE = 0.25
"""Seconds."""


def slow(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Return `draw` with a pause before it."""

    def later(*args: Any, **options: Any) -> Any:
        time.sleep(PAUSE)
        return draw(*args, **options)

    return later


if __name__ == "__main__":
    from streamlit.web.cli import main

    turn_viewer.viewer = slow(turn_viewer.viewer)
    verdict_panel.verdict_panel = slow(verdict_panel.verdict_panel)
    main()
