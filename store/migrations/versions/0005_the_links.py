"""One customer across channels: links between identities, the codes that prove them, and whom each identity came as."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    # SQLite takes a foreign key with a new column only in the column itself.
    number = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE identity ADD COLUMN home_id {number} CONSTRAINT fk_identity_home_id REFERENCES customer (id)"
    )
    op.add_column("identity", sa.Column("proven", sa.Text(), nullable=True))
    op.create_table(
        "link",
        sa.Column("id", key, nullable=False),
        sa.Column("identity_id", key, nullable=False),
        sa.Column("other_id", key, nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.Column("agent_id", key, nullable=True),
        sa.Column("conversation_id", key, nullable=True),
        sa.Column("other_conversation_id", key, nullable=True),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.Column("undone_at", store.tables.Moment(), nullable=True),
        sa.Column("undone_by", key, nullable=True),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name=op.f("fk_link_identity_id")),
        sa.ForeignKeyConstraint(["other_id"], ["identity.id"], name=op.f("fk_link_other_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_link_agent_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_link_conversation_id")),
        sa.ForeignKeyConstraint(
            ["other_conversation_id"], ["conversation.id"], name=op.f("fk_link_other_conversation_id")
        ),
        sa.ForeignKeyConstraint(["undone_by"], ["agent.id"], name=op.f("fk_link_undone_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
    )
    op.create_table(
        "link_code",
        sa.Column("id", key, nullable=False),
        sa.Column("hash", sa.String(length=32), nullable=False),
        sa.Column("identity_id", key, nullable=False),
        sa.Column("conversation_id", key, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("agent_id", key, nullable=True),
        sa.Column("made_at", store.tables.Moment(), nullable=False),
        sa.Column("expires_at", store.tables.Moment(), nullable=False),
        sa.Column("over_at", store.tables.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name=op.f("fk_link_code_identity_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_link_code_conversation_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_link_code_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_code")),
        sa.UniqueConstraint("hash", name=op.f("uq_link_code_hash")),
    )
    op.create_table(
        "link_try",
        sa.Column("id", key, nullable=False),
        sa.Column("identity_id", key, nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["identity_id"], ["identity.id"], name=op.f("fk_link_try_identity_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_try")),
    )
    for name, table, columns in (
        ("ix_link_code_identity_id", "link_code", ["identity_id", "made_at"]),
        ("ix_link_code_made_at", "link_code", ["made_at"]),
        ("ix_link_try_identity_id", "link_try", ["identity_id", "at"]),
        ("ix_link_try_at", "link_try", ["at"]),
    ):
        op.create_index(name, table, columns)
    for name, table, columns, condition in (
        ("ix_identity_home_id", "identity", ["home_id"], "home_id IS NOT NULL"),
        ("ix_identity_proven", "identity", ["proven"], "proven IS NOT NULL"),
        ("ix_link_identity_id", "link", ["identity_id"], "undone_at IS NULL"),
        ("ix_link_other_id", "link", ["other_id"], "undone_at IS NULL"),
        ("ix_link_undone", "link", ["identity_id", "other_id"], "undone_at IS NOT NULL"),
    ):
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    # What a customer has written, newest first, whichever channel it was on.
    for name, table in (("ix_conversation_customer_id", "conversation"), ("ix_case_customer_id", "case")):
        op.drop_index(name, table_name=table)
        op.create_index(name, table, ["customer_id", "id"])
