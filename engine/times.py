"""Times that depend on one another, in seconds, shortest first.

Each is longer than what it waits for; tests/test_times.py keeps that so. An engine renews what it holds each BEAT. When
that fails, for a busy or lost database, it gives up by itself before another engine takes over, so that no batch has
two.
"""

from __future__ import annotations

BEAT = 1.0
"""Between two signs of life of an engine, for each batch that it holds and for itself."""
QUIET = 2.5
"""Without a sign of life a page says that a running batch has none."""
LOOKED_AT = 3.0
"""Without a sign of life it is looked at whether the holder's process has ended; if so, its claim is free."""
PATIENCE = 5.0
"""A write to the database waits for another one, then gives up."""
GIVES_UP = 8.0
"""An engine that could not renew a claim pauses that batch itself."""
STALE = 15.0
"""Without a sign of life a claim or a request is free, whoever held it."""
NO_ANSWER = 20.0
"""Without a sign of life a page says that no engine answers."""
ABANDONED = 30.0
"""Without a sign of life a running batch may be deleted, or told to end without its engine."""
UNANSWERED = 120.0
"""A request that an engine took and did not answer is free, though the engine lives."""
