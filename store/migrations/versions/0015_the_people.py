"""Where somebody is signed in, who they are to an identity provider, an audit log read by any of its columns."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NOBODYS = sa.text("agent_id IS NULL")
OF_A_TEAM = sa.text("team_id IS NOT NULL")
AUDIT = (
    ("ix_audit_at", ["at", "id"]),
    ("ix_audit_agent_id", ["agent_id", "at", "id"]),
    ("ix_audit_action", ["action", "at", "id"]),
    ("ix_audit_agent_action", ["agent_id", "action", "at", "id"]),
    ("ix_audit_subject", ["subject", "at", "id"]),
)


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("session", sa.Column("browser", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("line", sa.Text(), nullable=True))
    op.add_column("session", sa.Column("how", sa.String(8), nullable=True))
    op.create_table(
        "sign_on",
        sa.Column("id", key, nullable=False),
        sa.Column("agent_id", key, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", store.tables.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_sign_on_agent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_on")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_sign_on_issuer")),
        sa.UniqueConstraint("issuer", "agent_id", name=op.f("uq_sign_on_agent")),
    )
    op.create_index("ix_sign_on_agent_id", "sign_on", ["agent_id"])
    op.create_table(
        "oidc_try",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("expires_at", store.tables.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_oidc_try")),
    )
    op.create_index("ix_oidc_try_expires_at", "oidc_try", ["expires_at"])
    op.drop_index("ix_audit_at", table_name="audit")
    for name, columns in AUDIT:
        op.create_index(name, "audit", columns)
    op.create_index("ix_audit_nobody", "audit", ["at", "id"], sqlite_where=NOBODYS, postgresql_where=NOBODYS)
    op.create_index("ix_case_team_id", "case", ["team_id"], sqlite_where=OF_A_TEAM, postgresql_where=OF_A_TEAM)


def downgrade() -> None:
    op.drop_index("ix_case_team_id", table_name="case")
    op.drop_index("ix_audit_nobody", table_name="audit")
    for name, _ in AUDIT:
        op.drop_index(name, table_name="audit")
    op.create_index("ix_audit_at", "audit", ["at"])
    op.drop_table("oidc_try")
    op.drop_table("sign_on")
    for column in ("how", "line", "browser"):
        op.drop_column("session", column)
