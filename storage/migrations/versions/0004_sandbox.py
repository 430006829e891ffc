"""The sandbox that a batch runs in, so that it never changes without the user's wish."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("batch", sa.Column("sandbox", sa.String(), nullable=True))
