"""Heartbeats and the timeouts that depend on them, in seconds, shortest first.

Each is longer than those that it waits for (tests/test_times.py). An engine renews its claims every BEAT. When it
cannot, because the database is busy or gone, it pauses its batch before another engine may take over, so that no batch
has two engines.
"""

from __future__ import annotations

BEAT = 1.0
"""Between two heartbeats of an engine, for itself and for each batch that it holds."""
QUIET = 2.5
"""Without a heartbeat, a page says that a running batch has none."""
CHECK_PROCESS = 3.0
"""Without a heartbeat, another engine checks whether the holder's process has ended; if so, the claim is free."""
WRITE_WAIT = 5.0
"""A write to the database waits so long for another one, then fails."""
PAUSE_OWN = 8.0
"""An engine that could not renew a claim for so long pauses the batch itself."""
STALE = 15.0
"""Without a heartbeat, a claim or a request is free, whoever held it."""
NO_ANSWER = 20.0
"""Without a heartbeat, a page says that no engine answers."""
ABANDONED = 30.0
"""Without a heartbeat, a running batch may be deleted or cancelled without its engine."""
UNANSWERED = 120.0
"""A request that an engine took is free again after so long without an answer, even while the engine runs."""
