"""One batch, live."""

from __future__ import annotations

from pages._ui.layout import empty_state, header

header("Batch", "")
empty_state("No batch chosen", "Choose a batch from the list.", icon="stacks", action="All batches", page="batches")
