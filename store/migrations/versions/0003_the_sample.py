"""The gate is measured: chance chooses first messages, people label them."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "sample",
        sa.Column("id", key, nullable=False),
        sa.Column("message_id", key, nullable=False),
        sa.Column("conversation_id", key, nullable=False),
        sa.Column("came_at", store.tables.Moment(), nullable=False),
        sa.Column("decided_at", store.tables.Moment(), nullable=True),
        sa.Column("words", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("act", sa.String(length=12), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("rule", sa.String(length=40), nullable=True),
        sa.Column("opens_at", sa.Float(), nullable=True),
        sa.Column("turn", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=True),
        sa.Column("complaint", sa.Boolean(), nullable=True),
        sa.Column("labelled_by", key, nullable=True),
        sa.Column("labelled_at", store.tables.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_sample_message_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_sample_conversation_id")),
        sa.ForeignKeyConstraint(["labelled_by"], ["agent.id"], name=op.f("fk_sample_labelled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample")),
        sa.UniqueConstraint("message_id", name=op.f("uq_sample_message_id")),
        sa.UniqueConstraint("conversation_id", name=op.f("uq_sample_conversation_id")),
    )
    for name, columns, condition in (
        ("ix_sample_to_label", ["turn", "id"], "tier IS NULL AND decided_at IS NOT NULL"),
        ("ix_sample_labelled", ["came_at", "tier", "complaint", "rule", "opens_at"], "tier IS NOT NULL"),
        ("ix_sample_judged", ["id"], "tier IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, "sample", columns, sqlite_where=where, postgresql_where=where)
