"""What a test call found out about a model endpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("endpoint", sa.Column("profile", sa.Text(), nullable=True))
