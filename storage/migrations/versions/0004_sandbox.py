"""The sandbox that a batch is worked on in, so that none is changed without being asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("batch", sa.Column("sandbox", sa.String(), nullable=True))
