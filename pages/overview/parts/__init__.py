"""What the overview draws: the checklist for a first run."""
