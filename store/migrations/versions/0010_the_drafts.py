"""Replies that can be taken back for some seconds, and drafts that follow their writer from machine to machine."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LEFT = sa.text("state = 'left'")
HELD = sa.text("state = 'held'")
ENDED = sa.text("ended_at IS NOT NULL")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = store.tables.Moment()
    op.create_table(
        "hold",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("also", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("files", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after_seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("leaves_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_hold_case_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_hold_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index("ix_hold_left", "hold", ["case_id"], sqlite_where=LEFT, postgresql_where=LEFT)
    op.create_index("uq_hold_held", "hold", ["case_id"], unique=True, sqlite_where=HELD, postgresql_where=HELD)
    op.create_index("ix_hold_ended", "hold", ["ended_at"], sqlite_where=ENDED, postgresql_where=ENDED)
    op.create_table(
        "draft",
        sa.Column("id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("mode", sa.String(length=5), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("notice", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_draft_agent_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_draft_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
    )
    op.create_index("uq_draft_agent_id", "draft", ["agent_id", "case_id", "mode"], unique=True)
    op.create_index("ix_draft_updated_at", "draft", ["updated_at"])
    op.add_column("agent", sa.Column("undo_for", sa.Integer(), nullable=True))
