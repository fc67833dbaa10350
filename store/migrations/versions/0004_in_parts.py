"""Long texts leave in parts, and each part is remembered."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tried_at", store.tables.Moment(), nullable=True))
        batch_op.add_column(sa.Column("parts", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("parts_done", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("part_ids", sa.JSON(none_as_null=True), nullable=True))
    where = sa.text("status = 'unknown' AND parts > 1")
    op.create_index(
        "ix_message_half_sent", "message", ["conversation_id", "seq"], sqlite_where=where, postgresql_where=where
    )
