"""Which packs came from outside, and which of them may run without isolation. Packs that were imported before are found
by the note that the import wrote, and what was made of them by the order of the versions."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
_COPY = "Copied from "


def upgrade() -> None:
    table = op.create_table(
        "outside_pack",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("came_as", sa.String(), nullable=False),
        sa.Column("allowed_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_outside_pack")),
    )
    versions = op.get_bind().execute(
        sa.text("SELECT domain_id, digest, note FROM domain_version ORDER BY created_at, domain_id, version")
    )
    found = [{"digest": digest, "came_as": came_as} for digest, came_as in _origins(versions) if came_as is not None]
    if found:
        op.bulk_insert(table, found)


def _origins(versions: Iterable[Any]) -> Iterable[tuple[str, str | None]]:
    """Return for each pack, by digest, the digest of the import that it was made of; None where it is of none."""
    origins: dict[str, str | None] = {}
    current: dict[str, str | None] = {}
    for domain, digest, note in versions:
        made_of = note.removeprefix(_COPY) if note.startswith(_COPY) else domain
        origin = digest if note == "Imported" else current.get(made_of)
        current[domain] = origins.setdefault(digest, origin)
    return origins.items()
