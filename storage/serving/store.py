"""What a running batch needs of the database: claims with a heartbeat, results, and commands from the pages.

    queued → running → (paused ↔ running) → done | failed | cancelled
    running → queued                          when its engine stops
    done | failed → queued                    when a user resumes it or has its failed rollouts tried again

A claim is one conditional UPDATE, so two engines never hold the same batch. The claim of a killed engine goes stale and
is taken over; stored rollouts are not repeated.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, CursorResult, and_, case, func, or_, select, update

from engine.errors import InputError, StorageError, TurnwrightError
from engine.liveness import has_ended
from engine.times import CHECK_PROCESS
from engine.types import Batch, Claim, Judgement, ModelCall, Origin, Persona, Progress, Trajectory
from storage import tables
from storage.columns import unfinished
from storage.database import Database
from storage.designing.domains import domain_by_digest, is_stored
from storage.designing.outside_packs import unallowed
from storage.intake import rows as intake
from storage.search import plain

_PERSONAS = TypeAdapter(tuple[Persona, ...])
_RELEASE_STATUSES = ("queued", "paused", "done", "failed", "cancelled")
_FINAL = ("done", "failed", "cancelled")
_LONGEST_GAP = 60.0
"""At most so many seconds since the last heartbeat count as work at a release."""


class SqlStore:
    """Implements engine.protocols.Store. `clock` gives epoch seconds."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def claim(
        self, holder: str, now: float, stale: float, *, most: int | None = None, only: int | None = None
    ) -> Claim | None:
        """Claim the oldest free batch: queued, resumed, or its engine silent for `stale` seconds (CHECK_PROCESS when
        its process on this machine has ended). None when there is none.

        `most` limits the rollouts that it has left, `only` is the one batch to claim. A batch whose snapshot is no
        longer valid is failed with the reason, and the next one is tried. Raises StorageError.
        """
        b = tables.batch.c
        wanted = [unfinished() <= most] if most is not None else []
        wanted += [b.id == only] if only is not None else []
        while (batch_id := self._take(holder, now, stale, *wanted)) is not None:
            try:
                return self._claim_of(batch_id, holder)
            except StorageError as error:  # says nothing about the batch
                with suppress(StorageError):  # then its claim goes stale
                    self.release(batch_id, holder, "queued", str(error))
                raise
            except (TurnwrightError, ValidationError) as error:
                self.release(batch_id, holder, "failed", f"The stored snapshot cannot be read: {_problem(error)}")
        return None

    def _take(self, holder: str, now: float, stale: float, *wanted: ColumnElement[bool]) -> int | None:
        b = tables.batch.c
        free = or_(
            b.status == "queued",
            and_(b.status == "running", or_(b.heartbeat_at.is_(None), b.heartbeat_at < now - stale)),
            and_(b.status == "running", b.heartbeat_at < now - CHECK_PROCESS, b.holder.in_(self._ended_holders(now))),
            and_(b.status == "paused", b.command == "resume"),
        )
        with self._db.read() as session:
            # More than one, because other engines may take the first ones before the update below.
            candidates = session.execute(select(b.id).where(free, *wanted).order_by(b.id).limit(20)).scalars().all()
        for batch_id in candidates:
            change = (
                update(tables.batch)
                .where(b.id == batch_id, free)
                .values(
                    status="running",
                    holder=holder,
                    heartbeat_at=now,
                    started_at=func.coalesce(b.started_at, now),
                    running=0,
                    reason="",
                    command=case((b.command == "resume", None), else_=b.command),
                )
            )
            with self._db.write() as session:
                result = session.execute(change)
                if isinstance(result, CursorResult) and result.rowcount == 1:
                    return int(batch_id)
        return None

    def _ended_holders(self, now: float) -> list[str]:
        """Return the holders of running batches, silent for CHECK_PROCESS seconds, whose process has ended."""
        b = tables.batch.c
        quiet = select(b.holder).where(
            b.status == "running", b.heartbeat_at < now - CHECK_PROCESS, b.holder.is_not(None)
        )
        with self._db.read() as session:
            return [str(holder) for holder in session.execute(quiet.distinct()).scalars() if has_ended(holder)]

    def _claim_of(self, batch_id: int, holder: str) -> Claim:
        b = tables.batch.c
        with self._db.read() as session:
            row = session.execute(select(b.body, b.personas, b.sandbox).where(b.id == batch_id)).one()
        batch = Batch.model_validate_json(row.body)
        digests = [str(share.digest) for share in batch.domains] if batch.rejudge is None else []
        domains = {digest: domain_by_digest(self._db, digest) for digest in digests}
        return Claim(
            batch_id,
            batch,
            domains,
            _PERSONAS.validate_json(row.personas),
            holder,
            row.sandbox or "",
            unallowed(self._db, digests),
        )

    def pin(self, batch_id: int, holder: str, sandbox: str) -> None:
        """Store the sandbox of a batch that has none yet; does nothing when this holder has lost the batch."""
        b = tables.batch.c
        mine = (b.id == batch_id, b.holder == holder, b.status == "running", b.sandbox.is_(None))
        with self._db.write() as session:
            session.execute(update(tables.batch).where(*mine).values(sandbox=sandbox))

    def done_ids(self, batch_id: int) -> set[str]:
        """Return the rollout ids that are stored."""
        t = tables.trajectory.c
        with self._db.read() as session:
            return set(session.execute(select(t.rollout_id).where(t.batch_id == batch_id)).scalars())

    def save(self, batch_id: int, trajectories: Sequence[Trajectory]) -> int:
        """Insert what is not stored yet and count it, in one transaction; return how many were new."""
        if not trajectories:
            return 0
        with self._db.write() as session:
            return len(intake.insert(session.connection(), batch_id, trajectories, self._clock()))

    def count_dropped(self, batch_id: int, calls: Sequence[ModelCall]) -> None:
        """Add what calls took that no trajectory of the batch holds to its counters; nothing when the batch is gone."""
        with self._db.write() as session:
            intake.count_spent(session.connection(), batch_id, intake.spent(calls))

    def heartbeat(self, batch_id: int, holder: str, now: float, running: int) -> str | None:
        """Renew the claim; return "pause" or "cancel" when a user asked for it, "lost" when this holder lost the
        batch."""
        b = tables.batch.c
        # All of the gap is work: the claim was held throughout. A release may come much later than the work ended,
        # because it is tried again until the database can be written, so it counts _LONGEST_GAP at most.
        gap = case((b.heartbeat_at < now, now - b.heartbeat_at), else_=0.0)
        change = (
            update(tables.batch)
            .where(b.id == batch_id, b.holder == holder, b.status == "running")
            .values(heartbeat_at=now, running=max(0, running), seconds=b.seconds + gap)
        )
        with self._db.write() as session:
            result = session.execute(change)
            if isinstance(result, CursorResult) and result.rowcount != 1:
                return "lost"
            found = session.execute(select(b.command).where(b.id == batch_id)).scalar_one()
        return found if found in ("pause", "cancel") else None

    def note(self, batch_id: int, holder: str, text: str) -> None:
        """Show a text with the running batch, in place of the one before. Does nothing when the claim is lost."""
        b = tables.batch.c
        with self._db.write() as session:
            session.execute(
                update(tables.batch)
                .where(b.id == batch_id, b.holder == holder, b.status == "running")
                .values(reason=plain(text))
            )

    def release(self, batch_id: int, holder: str, status: str, reason: str) -> None:
        """End the claim and set the status; "queued" means unfinished, to be claimed again. Does nothing when the batch
        is lost. A command that arrived meanwhile is applied to a batch that is unfinished.

        Raises InputError for a status that a running batch cannot go to.
        """
        if status not in _RELEASE_STATUSES:
            raise InputError(
                "status", f"a running batch cannot become {status!r}.", f"Use one of {', '.join(_RELEASE_STATUSES)}."
            )
        now = self._clock()
        b = tables.batch.c
        with self._db.write() as session:
            where = (b.id == batch_id, b.holder == holder, b.status == "running")
            held = session.execute(select(b.heartbeat_at, b.command).where(*where).with_for_update()).first()
            if held is None:
                return
            status, command = _overruled(status, held.command)
            gap = min(max(now - (held.heartbeat_at or now), 0.0), _LONGEST_GAP)
            session.execute(
                update(tables.batch)
                .where(*where)
                .values(status=status, reason=plain(reason), holder=None, running=0, command=command)
                .values(seconds=b.seconds + gap, finished_at=now if status in _FINAL else None)
            )

    def progress(self, batch_id: int) -> Progress:
        """Return the counts. Raises StorageError when the batch is gone."""
        b = tables.batch.c
        counts = select(b.planned, b.kept, b.rejected, b.failed, b.unmeasured, b.running).where(b.id == batch_id)
        with self._db.read() as session:
            row = session.execute(counts).first()
        if row is None:
            raise StorageError(f"Batch {batch_id} was deleted.")
        return progress_of(*row)

    def waiting_judgements(self, batch_id: int) -> list[int]:
        """Return the trajectories that a batch has left to judge, in their order. What was deleted since the batch was
        made is no longer planned."""
        j, b = tables.judgement.c, tables.batch.c
        mine = (j.batch_id == batch_id, j.status.is_(None))
        with self._db.write() as session:
            found = session.execute(select(j.trajectory_id).where(*mine).order_by(j.trajectory_id)).scalars().all()
            planned = b.planned - unfinished() + len(found)
            session.execute(update(tables.batch).where(b.id == batch_id).values(planned=planned))
        return [int(number) for number in found]

    def stored_trajectory(self, number: int) -> Trajectory | None:
        """Return a trajectory by its number, None when it was deleted."""
        with self._db.read() as session:
            body = select(tables.body.c.body).where(tables.body.c.trajectory_id == number)
            found = session.execute(body).scalar()
        return None if found is None else Trajectory.model_validate_json(found)

    def origin(self, number: int, digest: str) -> Origin:
        """Return where a stored trajectory comes from. Raises InputError when that domain can no longer be read."""
        t, b = tables.trajectory.c, tables.batch.c
        imported = select(b.imported).join(tables.trajectory, b.id == t.batch_id).where(t.id == number)
        with self._db.read() as session:
            rolled_out_here = session.execute(imported).scalar() is False
        domain = domain_by_digest(self._db, digest) if is_stored(self._db, digest) else None
        return Origin(domain, not rolled_out_here, bool(unallowed(self._db, (digest,))))

    def save_judgements(self, batch_id: int, judgements: Mapping[int, Judgement | None]) -> None:
        """Store what judging again found and count it, in one transaction. What is stored already stays."""
        j, b = tables.judgement.c, tables.batch.c
        counted: Counter[str] = Counter()
        calls: list[ModelCall] = []
        with self._db.write() as session:
            for number, found in judgements.items():
                values = {"status": found.status, "reward": found.reward, "body": intake.dump(found)} if found else {}
                mine = (j.batch_id == batch_id, j.trajectory_id == number, j.status.is_(None))
                change = update(tables.judgement).where(*mine).values(**values) if found else None
                result = session.execute(change) if change is not None else None
                if found is None or not isinstance(result, CursorResult) or result.rowcount != 1:
                    counted["planned"] -= found is None
                    continue
                counted[found.status] += 1
                calls += found.calls
            intake.count_spent(
                session.connection(),
                batch_id,
                intake.spent(calls),
                **{name: b[name] + number for name, number in counted.items() if number},
            )

    def spent(self, batch_id: int) -> tuple[int, float | None, float]:
        """Return (tokens, dollars, seconds); dollars are None when models were called and no price is known."""
        b = tables.batch.c
        columns = select(b.tokens, b.cost_usd, b.priced_calls, b.unpriced_calls, b.seconds).where(b.id == batch_id)
        with self._db.read() as session:
            row = session.execute(columns).first()
        if row is None:
            raise StorageError(f"Batch {batch_id} was deleted.")
        return int(row.tokens), cost_of(row.cost_usd, row.priced_calls, row.unpriced_calls), float(row.seconds)


def _overruled(status: str, command: str | None) -> tuple[str, str | None]:
    """Return (status, remaining command) at a release, when a command may have come too late."""
    if status in ("queued", "paused") and command == "cancel":
        return "cancelled", None
    if status == "queued" and command == "pause":
        return "paused", None
    return status, "resume" if status == "paused" and command == "resume" else None


def _problem(error: TurnwrightError | ValidationError) -> str:
    """Return what is wrong with a snapshot; of several invalid fields the first."""
    if isinstance(error, TurnwrightError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}"


def progress_of(planned: int, kept: int, rejected: int, failed: int, unmeasured: int, running: int) -> Progress:
    """Return counts that add up, also when `running` is older than the others."""
    finished = kept + rejected + failed + unmeasured
    planned = max(planned, finished)
    return Progress(
        planned=planned,
        kept=kept,
        rejected=rejected,
        failed=failed,
        unmeasured=unmeasured,
        running=max(0, min(running, planned - finished)),
    )


def cost_of(cost_usd: float, priced_calls: int, unpriced_calls: int) -> float | None:
    """Return the known cost; None when there were calls and none had a price."""
    return None if unpriced_calls and not priced_calls else float(cost_usd)
