"""How links to platforms stand, test messages, and what of the quarantine a person has set aside."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "channel_state",
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("process", sa.String(length=60), nullable=False),
        sa.Column("connected", sa.String(length=8), nullable=False),
        sa.Column("since", store.tables.Moment(), nullable=True),
        sa.Column("told", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.Column("stopped_at", store.tables.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "account", "process", name=op.f("pk_channel_state")),
    )
    op.create_table(
        "channel_traffic",
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("last_out_at", store.tables.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "account", name=op.f("pk_channel_traffic")),
    )
    op.create_table(
        "probe",
        sa.Column("id", key, nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("agent_id", key, nullable=True),
        sa.Column("key", sa.String(length=32), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("created_at", store.tables.Moment(), nullable=False),
        sa.Column("ended_at", store.tables.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_probe_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe")),
        sa.UniqueConstraint("key", name=op.f("uq_probe_key")),
    )
    op.create_index("ix_probe_created_at", "probe", ["created_at"])
    op.create_index("ix_probe_account", "probe", ["channel", "account", "id"])
    queued = sa.text("status = 'queued'")
    op.create_index("ix_probe_queued", "probe", ["id"], sqlite_where=queued, postgresql_where=queued)
    op.add_column("quarantine", sa.Column("set_aside_at", store.tables.Moment(), nullable=True))
    op.add_column("quarantine", sa.Column("asked_at", store.tables.Moment(), nullable=True))
    asked = sa.text("asked_at IS NOT NULL")
    op.create_index("ix_quarantine_asked", "quarantine", ["id"], sqlite_where=asked, postgresql_where=asked)
    op.drop_index("ix_quarantine_waiting", table_name="quarantine")
    waits = sa.text("released_at IS NULL AND set_aside_at IS NULL")
    op.create_index("ix_quarantine_waiting", "quarantine", ["id"], sqlite_where=waits, postgresql_where=waits)
