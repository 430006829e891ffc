"""Batches against the misbehaving double, as in tests/running."""

from tests.running.test_misbehaving_models import db, runs, wide

__all__ = ["db", "runs", "wide"]
