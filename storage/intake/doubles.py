"""Which records of an imported file are here already, from an import before."""

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
"""The reason of a batch that came from a file in this way."""
_CHUNK = 500


def unknown(db: Database, trajectories: Iterable[Trajectory], there: Counter[int]) -> Iterator[Trajectory]:
    """Yield the trajectories of a file that no import before brought; memory holds a few hundred. `there` counts the
    others by the batch that holds them."""
    source = iter(trajectories)
    while some := list(islice(source, _CHUNK)):
        with db.read() as session:
            known = already_here(session.connection(), some)
        there.update(known.values())
        yield from (t for t in some if t.id not in known)


def already_here(connection: Connection, trajectories: Sequence[Trajectory]) -> dict[str, int]:
    """Return, by the id of each trajectory that the import of a file brought word for word, the oldest such batch.

    What was rolled out here came from no file, so the export of a batch may come back beside it. The place in the file
    says nothing: a record that was moved is compared as it came.
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
        if _are_one(Trajectory.model_validate_json(body), wanted[id])
    }


def _are_one(stored: Trajectory, given: Trajectory) -> bool:
    """Say whether two records came alike. In Python, True equals 1."""
    one, other = _as_it_came(stored), _as_it_came(given)
    return one == other and same(one.model_dump(mode="json"), other.model_dump(mode="json"))


def _as_it_came(trajectory: Trajectory) -> Trajectory:
    """Return the trajectory with the id that it came with, and without a place."""
    before = trajectory.imported.get(BEFORE_IMPORT) or {}
    imported = {key: value for key, value in trajectory.imported.items() if key != BEFORE_IMPORT}
    changes = {"id": before.get("id", trajectory.id), "index": 0, "imported": imported}
    return trajectory.model_copy(update=changes)
