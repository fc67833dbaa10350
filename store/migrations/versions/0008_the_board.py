"""Lists of one tier or one channel among thousands that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WHERE = sa.text("status <> 'resolved'")


def upgrade() -> None:
    for name, column in (("ix_case_unresolved_tier_status", "tier"), ("ix_case_unresolved_channel", "channel")):
        op.create_index(
            name,
            "case",
            [column, "status", sa.literal_column("urgent DESC"), "sort_at", "id"],
            unique=False,
            sqlite_where=WHERE,
            postgresql_where=WHERE,
        )


def downgrade() -> None:
    op.drop_index("ix_case_unresolved_channel", table_name="case")
    op.drop_index("ix_case_unresolved_tier_status", table_name="case")
