"""Search: the words of every message and of every file's name, and an index of them in each database's own way."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from store.findable import Findable, of_message, of_name

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BITE = 2000
"""Rows that are read and written at once."""

SQLITE = (
    """CREATE VIRTUAL TABLE message_words USING fts5(
       words, content='message', content_rowid='id', columnsize=0, tokenize='ascii')""",
    """CREATE TRIGGER message_words_in AFTER INSERT ON message WHEN new.words IS NOT NULL BEGIN
       INSERT INTO message_words (rowid, words) VALUES (new.id, new.words); END""",
    """CREATE TRIGGER message_words_out AFTER DELETE ON message WHEN old.words IS NOT NULL BEGIN
       INSERT INTO message_words (message_words, rowid, words) VALUES ('delete', old.id, old.words); END""",
    # One trigger for both: two would run in an order that nobody promises.
    """CREATE TRIGGER message_words_anew AFTER UPDATE OF words ON message WHEN old.words IS NOT new.words BEGIN
       INSERT INTO message_words (message_words, rowid, words)
       SELECT 'delete', old.id, old.words WHERE old.words IS NOT NULL;
       INSERT INTO message_words (rowid, words) SELECT new.id, new.words WHERE new.words IS NOT NULL; END""",
    """CREATE TRIGGER attachment_words_in AFTER INSERT ON attachment WHEN new.words IS NOT NULL BEGIN
       UPDATE message SET words = ltrim(coalesce(words, '') || ' ' || new.words) WHERE id = new.message_id; END""",
)
POSTGRESQL = (
    "CREATE INDEX ix_message_words ON message USING gin (words)",
    """CREATE FUNCTION attachment_words_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       UPDATE message SET words = coalesce(words, ''::tsvector) || NEW.words WHERE id = NEW.message_id;
       RETURN NULL; END $$""",
    """CREATE TRIGGER attachment_words_in AFTER INSERT ON attachment FOR EACH ROW WHEN (NEW.words IS NOT NULL)
       EXECUTE FUNCTION attachment_words_in()""",
)

message = sa.table(
    "message",
    *(sa.column(name) for name in ("id", "direction", "author", "author_name", "identity_id", "kind", "body")),
    sa.column("meta", sa.JSON),
    sa.column("words", Findable),
)
attachment = sa.table(
    "attachment", sa.column("id"), sa.column("message_id"), sa.column("name"), sa.column("words", Findable)
)
identity = sa.table("identity", sa.column("id"), sa.column("email"))


def upgrade() -> None:
    connection = op.get_bind()
    op.add_column("message", sa.Column("words", Findable(), nullable=True))
    op.add_column("attachment", sa.Column("words", Findable(), nullable=True))
    _take_apart(connection)
    if connection.dialect.name == "sqlite":
        for statement in SQLITE:
            op.execute(statement)
        op.execute("INSERT INTO message_words (message_words) VALUES ('rebuild')")
    else:
        op.execute("SET LOCAL maintenance_work_mem = '512MB'")
        for statement in POSTGRESQL:
            op.execute(statement)


def _take_apart(connection: sa.Connection) -> None:
    """The words of what was written before."""
    query = (
        sa.select(message, identity.c.email)
        .select_from(message.outerjoin(identity, identity.c.id == message.c.identity_id))
        .order_by(message.c.id)
        .limit(BITE)
    )
    change = _change(message)
    last = 0
    while rows := connection.execute(query.where(message.c.id > last)).mappings().all():
        last = rows[-1]["id"]
        ids = [row["id"] for row in rows]
        named = sa.select(attachment).where(attachment.c.message_id.in_(ids)).order_by(attachment.c.id)
        files: dict[int, list[str]] = {}
        for file in connection.execute(named).mappings():
            files.setdefault(file["message_id"], []).append(of_name(file["name"]) or "")
        found = [
            {
                "of": row["id"],
                "found": " ".join(filter(None, [of_message(dict(row), row["email"]), *files.get(row["id"], [])])),
            }
            for row in rows
        ]
        if found := [row for row in found if row["found"]]:
            connection.execute(change, found)
    _name_files(connection)


def _name_files(connection: sa.Connection) -> None:
    query = sa.select(attachment).order_by(attachment.c.id).limit(BITE)
    change, last = _change(attachment), 0
    while rows := connection.execute(query.where(attachment.c.id > last)).mappings().all():
        last = rows[-1]["id"]
        found = [{"of": row["id"], "found": words} for row in rows if (words := of_name(row["name"]))]
        if found:
            connection.execute(change, found)


def _change(table: Any) -> sa.Update:
    return (
        sa.update(table)
        .where(table.c.id == sa.bindparam("of", type_=sa.BigInteger))
        .values(words=sa.bindparam("found", type_=Findable()))
    )
