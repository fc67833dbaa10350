"""A team's chat as the desk's window: who is who there, what they did, what it shows, what is to leave."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TO_POST = sa.text("status IN ('queued', 'unknown') OR (status = 'sent' AND told < rev)")
LIVE = sa.text("kind = 'card' AND shown_status <> 'resolved'")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    moment = store.tables.Moment
    op.create_table(
        "agent_name",
        sa.Column("id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_name_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_name")),
    )
    op.create_index("ix_agent_name_agent_id", "agent_name", ["agent_id"])
    op.create_index("uq_agent_name_external_id", "agent_name", ["channel", "account", "external_id"], unique=True)
    op.create_table(
        "agent_code",
        sa.Column("id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_code_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_code")),
        sa.UniqueConstraint("hash", name=op.f("uq_agent_code_hash")),
    )
    op.create_index("ix_agent_code_agent_id", "agent_code", ["agent_id"])
    op.create_index("ix_agent_code_expires_at", "agent_code", ["expires_at"])
    op.create_table(
        "window_event",
        sa.Column("id", key, nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("dedupe", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", moment(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_event")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_window_event_dedupe")),
    )
    _partial("ix_window_event_waiting", "window_event", ["id"], sa.text("done_at IS NULL"))
    _partial("ix_window_event_done", "window_event", ["done_at"], sa.text("done_at IS NOT NULL"))
    op.create_table(
        "window_post",
        sa.Column("id", key, nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("case_id", key, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("digest_id", key, nullable=True),
        sa.Column("ts", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("rev", sa.Integer(), server_default="0", nullable=False),
        sa.Column("told", sa.Integer(), server_default="0", nullable=False),
        sa.Column("shown_status", sa.String(length=10), nullable=True),
        sa.Column("shown_holder", sa.BigInteger(), nullable=True),
        sa.Column("shown_tier", sa.String(length=10), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", moment(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_window_post_case_id")),
        sa.ForeignKeyConstraint(["digest_id"], ["window_post.id"], name=op.f("fk_window_post_digest_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_post")),
        sa.UniqueConstraint("key", name=op.f("uq_window_post_key")),
    )
    op.create_index("ix_window_post_case_id", "window_post", ["case_id", "kind", "seq"])
    op.create_index("ix_window_post_ts", "window_post", ["place", "ts"])
    _partial("ix_window_post_to_post", "window_post", ["next_try_at"], TO_POST)
    _partial("ix_window_post_sending", "window_post", ["id"], sa.text("status = 'sending'"))
    _partial("ix_window_post_live", "window_post", ["id"], LIVE)
    _partial("ix_window_post_digest", "window_post", ["created_at"], sa.text("kind = 'digest'"))
    _partial("ix_window_post_digest_id", "window_post", ["digest_id"], sa.text("digest_id IS NOT NULL"))
    op.create_table(
        "window_send",
        sa.Column("id", key, nullable=False),
        sa.Column("dedupe", sa.String(length=32), nullable=False),
        sa.Column("case_id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("post_id", key, nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("after_seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("leaves_at", moment(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("created_at", moment(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_window_send_case_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_window_send_agent_id")),
        sa.ForeignKeyConstraint(["post_id"], ["window_post.id"], name=op.f("fk_window_send_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_send")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_window_send_dedupe")),
    )
    op.create_index("ix_window_send_case_id", "window_send", ["case_id"])
    op.create_index("ix_window_send_post_id", "window_send", ["post_id"])
    _partial("ix_window_send_leaves_at", "window_send", ["leaves_at"], sa.text("state IN ('held', 'leaving')"))


def _partial(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
