"""The whole life of a case: colleagues mentioned in a note, identities that are blocked, cases that are merged."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UNSEEN = sa.text("seen_at IS NULL")
STANDING = sa.text("undone_at IS NULL")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "mention",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("message_id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("by_id", key, nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.Column("seen_at", store.tables.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_mention_case_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_mention_message_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_mention_agent_id")),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name=op.f("fk_mention_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention")),
    )
    op.create_index("ix_mention_message_id", "mention", ["message_id"])
    op.create_index(
        "ix_mention_unseen", "mention", ["agent_id", "case_id"], sqlite_where=UNSEEN, postgresql_where=UNSEEN
    )
    op.create_table(
        "block",
        sa.Column("id", key, nullable=False),
        sa.Column("identity_id", key, nullable=False),
        sa.Column("by_id", key, nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("undone_at", store.tables.Moment(), nullable=True),
        sa.Column("undone_by", key, nullable=True),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name=op.f("fk_block_identity_id")),
        sa.ForeignKeyConstraint(["by_id"], ["agent.id"], name=op.f("fk_block_by_id")),
        sa.ForeignKeyConstraint(["undone_by"], ["agent.id"], name=op.f("fk_block_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_block")),
    )
    op.create_index(
        "uq_block_standing", "block", ["identity_id"], unique=True, sqlite_where=STANDING, postgresql_where=STANDING
    )
    # SQLite takes a foreign key with a new column only in the column itself.
    number = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f'ALTER TABLE "case" ADD COLUMN merged_into_id {number}'
        ' CONSTRAINT fk_case_merged_into_id REFERENCES "case" (id)'
    )
    merged = sa.text("merged_into_id IS NOT NULL")
    op.create_index("ix_case_merged_into_id", "case", ["merged_into_id"], sqlite_where=merged, postgresql_where=merged)
