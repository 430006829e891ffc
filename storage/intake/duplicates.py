"""Which records of an imported file an earlier import has stored already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection, select

from engine.exporters.trajectory import BEFORE_IMPORT
from engine.reading.json_value import same
from engine.types import Trajectory
from storage import tables
from storage.database import Database

FROM_FILE = "Imported from a file; what an import before had brought was left out."
"""The stored reason of a batch that came from a file and was compared with earlier imports; `already_here` looks for
it."""
_CHUNK = 500


def not_yet_imported(db: Database, trajectories: Iterable[Trajectory], repeated: Counter[int]) -> Iterator[Trajectory]:
    """Yield the trajectories that no earlier import stored; `repeated` counts the others by their batch. Memory holds a
    few hundred."""
    source = iter(trajectories)
    while some := list(islice(source, _CHUNK)):
        with db.read() as session:
            known = already_here(session.connection(), some)
        repeated.update(known.values())
        yield from (t for t in some if t.id not in known)


def already_here(connection: Connection, trajectories: Sequence[Trajectory]) -> dict[str, int]:
    """Return {id: batch} for those trajectories that an import stored with the same content, the oldest such batch.

    Batches that were rolled out here are not compared, so the export of one may be imported beside it. The position in
    the file does not count.
    """
    wanted = {t.id: t for t in trajectories}
    t, b = tables.trajectory.c, tables.batch.c
    query = (
        select(t.rollout_id, t.batch_id, tables.body.c.body)
        .join(tables.batch, b.id == t.batch_id)
        .join(tables.body, tables.body.c.trajectory_id == t.id)
        .where(b.imported, b.reason == FROM_FILE, t.rollout_id.in_(list(wanted)))
        .order_by(t.batch_id.desc())
    )
    return {
        id: batch
        for id, batch, body in connection.execute(query)
        if _same_content(Trajectory.model_validate_json(body), wanted[id])
    }


def _same_content(stored: Trajectory, given: Trajectory) -> bool:
    """Return whether two records have the same content. Compared as JSON too, since in Python True == 1."""
    one, other = _as_in_file(stored), _as_in_file(given)
    return one == other and same(one.model_dump(mode="json"), other.model_dump(mode="json"))


def _as_in_file(trajectory: Trajectory) -> Trajectory:
    """Return the trajectory with the id that its file had, and without its position."""
    before = trajectory.imported.get(BEFORE_IMPORT) or {}
    imported = {key: value for key, value in trajectory.imported.items() if key != BEFORE_IMPORT}
    changes = {"id": before.get("id", trajectory.id), "index": 0, "imported": imported}
    return trajectory.model_copy(update=changes)
