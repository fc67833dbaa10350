"""Tags: words of the company's own on a case."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "case_tag",
        sa.Column("case_id", key, nullable=False),
        sa.Column("tag", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.Column("from_id", key, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_case_tag_case_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_case_tag_agent_id")),
        sa.ForeignKeyConstraint(["from_id"], ["case.id"], name=op.f("fk_case_tag_from_id")),
        sa.PrimaryKeyConstraint("case_id", "tag", name=op.f("pk_case_tag")),
    )
    op.create_index("ix_case_tag_tag", "case_tag", ["tag", "case_id"])
