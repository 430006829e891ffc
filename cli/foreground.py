"""A batch that a command works on in its own process: a line of progress while it runs, a summary at the end.

`row` is always a `storage.generating.batches.BatchRow`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from engine.planning.quotas import Quotas, sentences
from engine.serving.worker import Worker, serve

LOOK_SECONDS = 0.2
"""How often the progress is read and printed."""


async def follow(worker: Worker, look: Callable[[], Any]) -> None:
    """Run a worker that takes one batch only, until that batch has ended or is paused; `look` returns its row.

    Another engine may claim the batch first; then this one only prints the progress.
    """
    working = asyncio.create_task(serve(worker))
    started = time.monotonic()
    before: int | None = None
    while not working.done():
        row = await asyncio.to_thread(look)
        before = row.progress.finished if before is None else before
        _print_progress(row, before, started)
        if row.status in ("done", "failed", "cancelled") or (row.status == "paused" and row.command is None):
            worker.stop.set()
        await asyncio.wait({working}, timeout=LOOK_SECONDS)
    await working


def _print_progress(row: Any, before: int, started: float) -> None:
    """Print counts and rate over the line before, on a terminal only; `before` had ended when this command started."""
    if sys.stderr.isatty():
        p = row.progress
        rate = (p.finished - before) / max(time.monotonic() - started, 0.001)
        counts = f"kept {p.kept}  rejected {p.rejected}  failed {p.failed}  unmeasured {p.unmeasured}"
        print(f"\r{p.finished}/{p.planned}  {counts}  {rate:.1f}/s ", end="", file=sys.stderr, flush=True)


def _dollars(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:.4f} dollars"


def _per_kept(row: Any) -> str:
    return f" ({_dollars(row.cost_per_kept)} per kept trajectory)" if row.cost_per_kept else ""


def user_lines(found: Any) -> list[str]:
    """Return what the simulated user cost; `found` is a `storage.generating.user_yield.UserYield`."""
    if not found.violations and not found.again:
        return []
    usable = found.dialogues - found.lost
    lines = [f"simulated user: {usable} of {found.dialogues} dialogues usable, {found.again} runs made again"]
    return lines + [f"  {one.reason}: {one.messages} messages not taken, {one.lost} lost" for one in found.violations]


def summary(row: Any, losses: Sequence[tuple[str, str, int]], quotas: Quotas | None = None, user: Any = None) -> str:
    """Return the counts of a batch, what its plan fell short of and why trajectories were lost; where it is not
    finished, also the command that goes on with it."""
    p = row.progress
    lines = [
        f"batch {row.id} {row.name!r}: {row.status}" + (f" ({row.reason})" if row.reason else ""),
        f"planned {p.planned}  kept {p.kept}  rejected {p.rejected}  failed {p.failed}  unmeasured {p.unmeasured}",
        f"tokens {row.tokens}  cost {_dollars(row.cost_usd)}" + _per_kept(row),
    ]
    lines += [f"  plan: {sentence}" for sentence in sentences(quotas.shortfalls if quotas else ())]
    lines += [f"  lost at {stage}: {reason} x {count}" for stage, reason, count in losses]
    lines += user_lines(user) if user is not None else ()
    if row.status in ("queued", "paused"):
        lines.append(
            f"go on with: python -m engine resume {row.id}   (--tokens, --dollars, --seconds: a larger budget)"
        )
    return "\n".join(lines)


def flip_lines(db: Any, row: Any, most: int = 20) -> list[str]:
    """Return what a batch that judges again found: how many count otherwise than before, the first of them with their
    numbers, and the command that lets its scores count or takes that back."""
    from storage.generating.judgings import flips, panel_agreement, standing

    found = standing(db, row.id)
    lines = [f"judged {found.judged}, {sum(found.flips.values())} of them otherwise than before"]
    lines += [f"  {before} -> {after}: {count}" for (before, after), count in found.flips.items()]
    lines += [
        f"  {one.trajectory:>6}  {one.before} -> {one.after}  {one.title[:70]}" for one in flips(db, row.id, most)
    ]
    if sum(found.flips.values()) > most:
        lines.append(f"  and {sum(found.flips.values()) - most} more")
    agreed = panel_agreement(db, row.id)
    lines += [f"  agreement on {name}: {one.share:.0%} of {one.trajectories}" for name, one in agreed.items()]
    if found.used:
        lines.append(f"its scores count for {found.used}; take that back with: python -m engine undo-scores {row.id}")
    elif found.judged:
        lines.append(f"let its scores count with: python -m engine use-scores {row.id}")
    return lines
