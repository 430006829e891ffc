"""Full-text search over what was said and which tools were called; old trajectories are filled in."""

from alembic import op
from sqlalchemy import text

from storage import search

revision = "0002"
down_revision = "0001"

_SQLITE = (
    "CREATE VIRTUAL TABLE trajectory_search USING fts5(content, tokenize='unicode61 remove_diacritics 2', columnsize=0)"
)
_POSTGRES = (
    "CREATE TABLE trajectory_search (trajectory_id INTEGER PRIMARY KEY "
    "REFERENCES trajectory (id) ON DELETE CASCADE, document TSVECTOR NOT NULL)",
    "CREATE INDEX ix_trajectory_search_document ON trajectory_search USING GIN (document)",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in (_SQLITE,) if connection.dialect.name == "sqlite" else _POSTGRES:
        op.execute(statement)
    last = 0
    while rows := connection.execute(
        text("SELECT trajectory_id, body FROM trajectory_body WHERE trajectory_id > :last ORDER BY 1 LIMIT 500"),
        {"last": last},
    ).all():
        search.insert(connection, [(number, search.document_of_body(body)) for number, body in rows])
        last = rows[-1][0]
