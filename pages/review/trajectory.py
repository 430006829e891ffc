"""One trajectory under review."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Trajectory", "")
empty_state("No trajectory chosen", "Choose a trajectory from the queue.", icon="forum", action="Queue", page="queue")
