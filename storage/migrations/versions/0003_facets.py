"""The distinct values of filter fields per batch, filled in for old trajectories."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COLUMNS = {
    "domains": "domain",
    "templates": "template",
    "modes": "mode",
    "personas": "persona",
    "teachers": "teacher",
    "models": "model",
    "statuses": "status",
    "outcomes": "outcome",
    "culprits": "culprit",
    "reasons": "reason",
}


def upgrade() -> None:
    op.create_table(
        "facet",
        sa.Column("batch_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_facet_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "field", "value", name=op.f("pk_facet")),
        sqlite_with_rowid=False,
    )
    for field, column in _COLUMNS.items():
        op.execute(
            f"INSERT INTO facet SELECT DISTINCT batch_id, '{field}', {column} "
            f"FROM trajectory WHERE {column} IS NOT NULL"
        )
    for field, table, column in (("tools", "tool_use", "tool"), ("scores", "score", "name")):
        op.execute(
            f"INSERT INTO facet SELECT DISTINCT t.batch_id, '{field}', x.{column} "
            f"FROM {table} x JOIN trajectory t ON t.id = x.trajectory_id"
        )
