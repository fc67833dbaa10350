"""Teams, and what is known of a colleague when work is given out: away, how much at once, what they are good at."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UNRESOLVED = sa.text("status <> 'resolved' AND team_id IS NOT NULL")


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "team",
        sa.Column("id", key, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", store.tables.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )
    op.create_table(
        "team_member",
        sa.Column("team_id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_team_member_team_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_team_member_agent_id")),
        sa.PrimaryKeyConstraint("team_id", "agent_id", name=op.f("pk_team_member")),
    )
    op.create_index("ix_team_member_agent_id", "team_member", ["agent_id"])
    op.add_column("agent", sa.Column("away_since", store.tables.Moment(), nullable=True))
    op.add_column("agent", sa.Column("capacity", sa.Integer(), nullable=True))
    op.add_column("agent", sa.Column("skills", sa.JSON(none_as_null=True), nullable=True))
    op.drop_column("case", "team")  # never written
    # SQLite takes a foreign key with a new column only in the column itself.
    number = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(f'ALTER TABLE "case" ADD COLUMN team_id {number} CONSTRAINT fk_case_team_id REFERENCES team (id)')
    op.create_index(
        "ix_case_unresolved_team",
        "case",
        ["team_id", "status", sa.literal_column("urgent DESC"), "sort_at", "id"],
        sqlite_where=UNRESOLVED,
        postgresql_where=UNRESOLVED,
    )
