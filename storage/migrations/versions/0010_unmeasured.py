"""How many trajectories of a batch a judge could not measure."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("batch", sa.Column("unmeasured", sa.Integer(), nullable=False, server_default="0"))
