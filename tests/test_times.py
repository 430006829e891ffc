"""Timeouts and intervals that depend on one another keep their order."""

from __future__ import annotations

from engine import times


def test_each_time_is_longer_than_what_it_waits_for() -> None:
    order = [
        "BEAT",
        "QUIET",
        "CHECK_PROCESS",
        "WRITE_WAIT",
        "PAUSE_OWN",
        "STALE",
        "NO_ANSWER",
        "ABANDONED",
        "UNANSWERED",
    ]
    assert [name for name in vars(times) if name.isupper()] == order
    values = [getattr(times, name) for name in order]
    assert values == sorted(set(values))


def test_an_engine_gives_up_before_another_takes_over() -> None:
    """Even when its last beat came late, and its write waited for another one before it failed."""
    assert times.BEAT + times.WRITE_WAIT + times.PAUSE_OWN < times.STALE
    assert times.QUIET > 2 * times.BEAT, "one late beat is no alarm"
