"""Parts that only the overview draws."""
