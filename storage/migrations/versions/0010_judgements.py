"""How many trajectories of a batch a judge could not measure; batches that judge again, and what they found."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("batch", sa.Column("unmeasured", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("batch", sa.Column("rejudges", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "judgement",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("trajectory_id", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("reward", sa.Float(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("replaced", sa.Text(), nullable=True),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_judgement_batch_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_judgement_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "trajectory_id", name=op.f("pk_judgement")),
    )
    op.create_index(op.f("ix_judgement_trajectory_id"), "judgement", ["trajectory_id"])
