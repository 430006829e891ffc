"""The subsets that a trajectory belongs to, as bits; counted for old trajectories from their bodies."""

import msgspec
import sqlalchemy as sa
from alembic import op

from engine.dialogue.subsets import subsets
from storage.columns import bits

revision = "0011"
down_revision = "0010"

_CHUNK = 500
_BODIES = sa.text(
    "SELECT trajectory_id, body FROM trajectory_body WHERE trajectory_id > :last ORDER BY trajectory_id LIMIT :chunk"
)
_WRITE = sa.text("UPDATE trajectory SET subsets = :subsets WHERE id = :id")


class _Call(msgspec.Struct):
    name: str


class _Turn(msgspec.Struct):
    role: str
    content: str = ""
    reasoning: str | None = None
    tool_calls: list[_Call] = []
    fault: str | None = None


class _Tool(msgspec.Struct):
    name: str
    effect: str
    source: str = "python"
    distractor: bool = False


class _Attachment(msgspec.Struct):
    kind: str


class _Talked(msgspec.Struct):
    """The fields of a stored trajectory that are read here."""

    turns: list[_Turn] = []
    tools: list[_Tool] = []
    attachments: list[_Attachment] = []


def upgrade() -> None:
    op.add_column("trajectory", sa.Column("subsets", sa.Integer(), nullable=False, server_default="0"))
    connection, read, last = op.get_bind(), msgspec.json.Decoder(_Talked).decode, 0
    while rows := connection.execute(_BODIES, {"last": last, "chunk": _CHUNK}).all():
        found = [(id, read(body)) for id, body in rows]
        changes = [{"id": id, "subsets": bits(subsets(t.turns, t.tools, t.attachments))} for id, t in found]
        connection.execute(_WRITE, changes)
        last = rows[-1][0]
