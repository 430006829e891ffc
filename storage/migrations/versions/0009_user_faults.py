"""How many messages of a trajectory's simulated user were not taken, by reason."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "user_fault",
        sa.Column("trajectory_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_user_fault_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trajectory_id", "reason", name=op.f("pk_user_fault")),
        sqlite_with_rowid=False,
    )
