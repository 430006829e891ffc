"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _batch()
    _domain()
    _domain_version()
    _endpoint()
    _engine()
    _export()
    _pack()
    _persona()
    _preference()
    _request()
    _trajectory()
    _exported()
    _review()
    _review_event()
    _score()
    _tool_use()
    _trajectory_body()
    _review_tag()


def _batch() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("personas", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("command", sa.String(), nullable=True),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("priced_calls", sa.Integer(), nullable=False),
        sa.Column("unpriced_calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("heartbeat_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_batch_status_id"), "batch", ["status", "id"], unique=False)


def _domain() -> None:
    op.create_table(
        "domain",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("tools", sa.Integer(), nullable=False),
        sa.Column("templates", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("shipped", sa.Boolean(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain")),
    )


def _domain_version() -> None:
    op.create_table(
        "domain_version",
        sa.Column("domain_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("domain_id", "version", name=op.f("pk_domain_version")),
    )


def _endpoint() -> None:
    op.create_table(
        "endpoint",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_endpoint")),
    )


def _engine() -> None:
    op.create_table(
        "engine",
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("heartbeat_at", sa.Float(), nullable=False),
        sa.Column("sandbox", sa.String(), nullable=False),
        sa.Column("isolated", sa.Boolean(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_engine")),
    )


def _export() -> None:
    op.create_table(
        "export",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        sqlite_autoincrement=True,
    )


def _pack() -> None:
    op.create_table(
        "pack",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pack")),
    )


def _persona() -> None:
    op.create_table(
        "persona",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("shipped", sa.Boolean(), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persona")),
    )


def _preference() -> None:
    op.create_table(
        "preference",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_preference")),
    )


def _request() -> None:
    op.create_table(
        "request",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("claimed_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_request_status_id"), "request", ["status", "id"], unique=False)


def _trajectory() -> None:
    op.create_table(
        "trajectory",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("culprit", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("reward", sa.Float(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("tool_calls", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("rating", sa.Float(), nullable=True),
        sa.Column("exported", sa.Boolean(), nullable=False),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column("persona", sa.String(), nullable=False),
        sa.Column("teacher", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_trajectory_batch_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trajectory")),
        sa.UniqueConstraint("batch_id", "rollout_id", name=op.f("uq_trajectory_batch_id_rollout_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_trajectory_batch_id_number"), "trajectory", ["batch_id", "number"], unique=False)
    op.create_index(op.f("ix_trajectory_batch_id_reward"), "trajectory", ["batch_id", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_cost_usd"), "trajectory", ["cost_usd"], unique=False)
    op.create_index(op.f("ix_trajectory_domain_reward"), "trajectory", ["domain", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_mode_reward"), "trajectory", ["mode", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_model_reward"), "trajectory", ["model", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_outcome_reward"), "trajectory", ["outcome", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_persona_reward"), "trajectory", ["persona", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_reward"), "trajectory", ["reward"], unique=False)
    op.create_index(op.f("ix_trajectory_stage_reason"), "trajectory", ["stage", "reason"], unique=False)
    op.create_index(op.f("ix_trajectory_status_reward"), "trajectory", ["status", "reward"], unique=False)
    op.create_index(op.f("ix_trajectory_tokens"), "trajectory", ["tokens"], unique=False)
    op.create_index(op.f("ix_trajectory_tool_calls"), "trajectory", ["tool_calls"], unique=False)
    op.create_index(op.f("ix_trajectory_turns"), "trajectory", ["turns"], unique=False)
    op.create_index(op.f("ix_trajectory_verdict_id"), "trajectory", ["verdict", "id"], unique=False)


def _exported() -> None:
    op.create_table(
        "exported",
        sa.Column("export_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("trajectory_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["export_id"], ["export.id"], name=op.f("fk_exported_export_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_exported_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("export_id", "trajectory_id", name=op.f("pk_exported")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_exported_trajectory_id"), "exported", ["trajectory_id"], unique=False)


def _review() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("trajectory_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_review_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("trajectory_id", "turn", "reviewer", name=op.f("uq_review_trajectory_id_turn_reviewer")),
        sqlite_autoincrement=True,
    )


def _review_event() -> None:
    op.create_table(
        "review_event",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("trajectory_id", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_review_event_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_review_event_trajectory_id_reviewer"), "review_event", ["trajectory_id", "reviewer"], unique=False
    )


def _score() -> None:
    op.create_table(
        "score",
        sa.Column("trajectory_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_score_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trajectory_id", "name", name=op.f("pk_score")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_score_name_value"), "score", ["name", "value"], unique=False)


def _tool_use() -> None:
    op.create_table(
        "tool_use",
        sa.Column("trajectory_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tool", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_tool_use_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trajectory_id", "tool", name=op.f("pk_tool_use")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_tool_use_tool_trajectory_id"), "tool_use", ["tool", "trajectory_id"], unique=False)


def _trajectory_body() -> None:
    op.create_table(
        "trajectory_body",
        sa.Column("trajectory_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_id"], ["trajectory.id"], name=op.f("fk_trajectory_body_trajectory_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("trajectory_id", name=op.f("pk_trajectory_body")),
    )


def _review_tag() -> None:
    op.create_table(
        "review_tag",
        sa.Column("review_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_review_tag_review_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("review_id", "tag", name=op.f("pk_review_tag")),
    )
    op.create_index(op.f("ix_review_tag_tag"), "review_tag", ["tag"], unique=False)
