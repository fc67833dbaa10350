"""What agents say often, and files on their way into a reply or a note."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEPT = sa.text("archived_at IS NULL")
SHARED = sa.text("archived_at IS NULL AND owner_id IS NULL")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "macro",
        sa.Column("id", key, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("owner_id", key, nullable=True),
        sa.Column("team_id", key, nullable=True),
        sa.Column("tier", sa.String(length=10), nullable=True),
        sa.Column("shortcut", sa.String(length=20), server_default="", nullable=False),
        sa.Column("uses", sa.Integer(), server_default="0", nullable=False),
        sa.Column("archived_at", store.tables.Moment(), nullable=True),
        sa.Column("updated_by", key, nullable=True),
        sa.Column("updated_at", store.tables.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_macro_owner_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_macro_team_id")),
        sa.ForeignKeyConstraint(["updated_by"], ["agent.id"], name=op.f("fk_macro_updated_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macro")),
    )
    op.create_index("ix_macro_owner_id", "macro", ["owner_id"], sqlite_where=KEPT, postgresql_where=KEPT)
    op.create_index("ix_macro_shared", "macro", ["team_id"], sqlite_where=SHARED, postgresql_where=SHARED)
    op.create_table(
        "upload",
        sa.Column("id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("mode", sa.String(length=5), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", store.tables.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_upload_agent_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_upload_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index("ix_upload_agent_id", "upload", ["agent_id", "case_id", "id"])
    op.create_index(op.f("ix_upload_created_at"), "upload", ["created_at"])
