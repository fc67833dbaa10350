"""Offers: whom the desk has asked to take a case, where work is given out."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OFFERED = sa.text("state = 'offered'")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "offer",
        sa.Column("id", key, nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.Column("until", store.tables.Moment(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_offer_case_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_offer_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    op.create_index("ix_offer_case_id", "offer", ["case_id", "at"])
    op.create_index("ix_offer_agent_id", "offer", ["agent_id", "at"])
    for name, column in (("uq_offer_case", "case_id"), ("uq_offer_agent", "agent_id")):
        op.create_index(name, "offer", [column], unique=True, sqlite_where=OFFERED, postgresql_where=OFFERED)
