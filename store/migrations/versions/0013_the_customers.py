"""Customers as a whole: found by name, why agents have linked them, what agents say of them, how they were content."""

import sqlalchemy as sa
from alembic import op

import store.tables

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BITE = 5000


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("link", sa.Column("why", sa.Text(), nullable=True))
    op.add_column("customer", sa.Column("key", ordered, nullable=False, server_default=""))
    op.create_table(
        "customer_note",
        sa.Column("customer_id", number, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("key", ordered, nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("agent_id", number, nullable=False),
        sa.Column("at", store.tables.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_note_customer_id")),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_customer_note_agent_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_note")),
    )
    op.create_index("ix_customer_note_key", "customer_note", ["key", "customer_id"])
    op.create_index("ix_customer_note_email", "customer_note", ["email"])
    op.create_index("ix_customer_key", "customer", ["key", "id"])
    op.create_index("ix_case_customer_opened", "case", ["customer_id", "opened_at"])
    surveyed = sa.text("satisfaction IS NOT NULL")
    op.create_index(
        "ix_case_customer_surveyed", "case", ["customer_id", "id"], sqlite_where=surveyed, postgresql_where=surveyed
    )
    op.create_index("ix_label_source", "label", ["source", "message_id", "id"])
    _fold_names()


def _fold_names() -> None:
    """The name without regard to case, as the program folds it: databases know too few letters."""
    connection = op.get_bind()
    people = sa.table("customer", sa.column("id"), sa.column("name"), sa.column("key"))
    change = (
        sa.update(people).where(people.c.id == sa.bindparam("of")).values(key=sa.bindparam("folded", type_=sa.Text()))
    )
    last = 0
    while True:
        query = sa.select(people.c.id, people.c.name).where(people.c.id > last).order_by(people.c.id).limit(BITE)
        rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1][0]
        folded = [{"of": id_, "folded": name.casefold()} for id_, name in rows if name]
        if folded:
            connection.execute(change, folded)
