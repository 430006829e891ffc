"""The import report of an imported batch: what of its file could not be taken over."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("batch", sa.Column("import_report", sa.Text(), nullable=True))
