"""Write the standing of every reviewed trajectory anew, since the old "fix" did not say whether there is a correction;
and note for old trajectories which versions of the judges scored each batch."""

import json

import msgspec
import sqlalchemy as sa
from alembic import op

from engine.reviewing.verdicts import standing
from engine.types import Review
from storage import search

revision = "0005"
down_revision = "0004"

_CHUNK = 500
_JUDGED = sa.text("SELECT id FROM trajectory WHERE verdict IS NOT NULL AND id > :last ORDER BY id LIMIT :chunk")
_REVIEWS = sa.text(
    "SELECT trajectory_id, body FROM review WHERE verdict IS NOT NULL AND trajectory_id IN :ids ORDER BY updated_at, id"
).bindparams(sa.bindparam("ids", expanding=True))
_WRITE = sa.text("UPDATE trajectory SET verdict = :verdict WHERE id = :id")


_BODIES = sa.text(
    "SELECT t.id, t.batch_id, b.body FROM trajectory t JOIN trajectory_body b ON b.trajectory_id = t.id "
    "WHERE t.id > :last ORDER BY t.id LIMIT :chunk"
)
_FACET = sa.text("INSERT INTO facet (batch_id, field, value) VALUES (:batch, 'score_versions', :value)")


class _Score(msgspec.Struct):
    source: str
    version: str = "1"


class _Scored(msgspec.Struct):
    """The one field of a stored trajectory that is read here."""

    scores: list[_Score] = []


def upgrade() -> None:
    connection = op.get_bind()
    _write_standings(connection)
    _note_versions(connection)


def _write_standings(connection: sa.Connection) -> None:
    last = 0
    while ids := list(connection.execute(_JUDGED, {"last": last, "chunk": _CHUNK}).scalars()):
        reviews: dict[int, list[Review]] = {id: [] for id in ids}
        for number, body in connection.execute(_REVIEWS, {"ids": ids}):
            reviews[number].append(Review.model_validate_json(body))
        found = {id: standing(among) for id, among in reviews.items()}
        changes = [{"id": id, "verdict": None if one == "none" else one} for id, one in found.items()]
        connection.execute(_WRITE, changes)
        last = ids[-1]


def _note_versions(connection: sa.Connection) -> None:
    found: set[tuple[int, str]] = set()
    read = msgspec.json.Decoder(_Scored).decode
    last = 0
    while rows := connection.execute(_BODIES, {"last": last, "chunk": _CHUNK}).all():
        for last, batch, body in rows:  # noqa: B007  # the last one is where the next chunk begins
            for score in read(body).scores:
                pair = (search.plain(score.source), search.plain(score.version))
                found.add((batch, json.dumps(pair, ensure_ascii=False)))
    if found:
        connection.execute(_FACET, [{"batch": batch, "value": value} for batch, value in sorted(found)])
