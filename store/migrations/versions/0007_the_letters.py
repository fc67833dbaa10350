"""In which conversations somebody has written lately, among the thousands that one mailbox may begin."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_conversation_identity_id", table_name="conversation")
    op.create_index("ix_conversation_identity_id", "conversation", ["identity_id", "last_in_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_conversation_identity_id", table_name="conversation")
    op.create_index("ix_conversation_identity_id", "conversation", ["identity_id"], unique=False)
