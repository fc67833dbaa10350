"""The tables. SQL is the truth: what is not here did not happen.

Moments are stored as whole microseconds since 1970 in UTC and read as aware datetimes, so that SQLite and PostgreSQL
hold the same values and compare them the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    and_,
    func,
    literal,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator

from store.findable import Findable, of_message, of_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970-01-01 UTC. A naive one is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


Key = BigInteger().with_variant(Integer, "sqlite")
"""A row's number. SQLite makes only INTEGER an alias of its rowid."""

_Ordered = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is searched by how it begins: in the order of its code points on both databases."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial(name: str, table: Table, *columns: Any, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(
        name,
        *(table.c[column] if isinstance(column, str) else column for column in columns),
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


def is_one_of(column: ColumnElement[str], words: Iterable[str]) -> ColumnElement[bool]:
    """`column IN (…)` with the words in the statement itself.

    A query that says a partial index's condition word for word may use it; SQLite cannot see it in bound values.
    """
    return column.in_([literal(word, literal_execute=True) for word in words])


customer = Table(
    "customer",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("email", Text),  # claimed, until an identity proves it
    Column("language", String(16)),
    Column("created_at", Moment, nullable=False),
    Column("key", _Ordered, nullable=False, server_default=""),  # the name without regard to case
)
Index("ix_customer_key", customer.c.key, customer.c.id)
Index("ix_customer_name", customer.c.name)
Index("ix_customer_email", customer.c.email)

identity = Table(
    "identity",
    metadata,
    Column("id", Key, primary_key=True),
    Column("customer_id", ForeignKey("customer.id"), nullable=False, index=True),
    Column("home_id", ForeignKey("customer.id")),  # whom they came as, with their own claims; None: the customer above
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("key", String(32), nullable=False, unique=True),  # digest of the three above
    Column("name", Text, nullable=False, server_default=""),
    Column("email", Text),
    Column("verified", Boolean, nullable=False, server_default=text("false")),
    Column("proven", Text),  # that address as it is compared; None: no platform that we trust vouches for one
    Column("created_at", Moment, nullable=False),
)
HOME: Final = func.coalesce(identity.c.home_id, identity.c.customer_id)
"""As whom an identity came: what they claim of themselves stands there, whoever they are linked with."""
_partial("ix_identity_home_id", identity, "home_id", where="home_id IS NOT NULL")
_partial("ix_identity_proven", identity, "proven", where="proven IS NOT NULL")

conversation = Table(
    "conversation",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),  # digest of channel, account, place, thread, author
    Column("customer_id", ForeignKey("customer.id"), nullable=False),  # its identity's, always
    Column("identity_id", ForeignKey("identity.id"), nullable=False),
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("thread", Text),
    Column("recipient", Text, nullable=False),
    Column("public", Boolean, nullable=False, server_default=text("false")),
    Column("extra", JSON(none_as_null=True)),  # what the adapter needs to answer in the same place
    Column("subject", Text),
    Column("owner", String(8), nullable=False, server_default="bot"),
    Column("epoch", Integer, nullable=False, server_default="0"),  # grows at each change of hands
    Column("version", Integer, nullable=False, server_default="0"),  # grows at each decision and each change of hands
    Column("next_seq", Integer, nullable=False, server_default="1"),
    Column("returned_seq", Integer, nullable=False, server_default="0"),  # the bot acts only on what came later
    Column("parked_at", Moment),  # its outbox is stuck; an agent sees it
    Column("seen_seq", Integer, nullable=False, server_default="0"),  # the last that the customer has had before them
    Column("seen_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("last_in_at", Moment, nullable=False),
)
Index("ix_conversation_channel_account", conversation.c.channel, conversation.c.account, conversation.c.last_in_at)
Index("ix_conversation_created_at", conversation.c.created_at)
Index("ix_conversation_identity_id", conversation.c.identity_id, conversation.c.last_in_at)
Index("ix_conversation_customer_id", conversation.c.customer_id, conversation.c.id)

customer_note = Table(  # what an agent says of a customer; it stands beside what they say of themselves
    "customer_note",
    metadata,
    Column("customer_id", ForeignKey("customer.id"), primary_key=True),
    Column("name", Text),
    Column("key", _Ordered),  # that name without regard to case
    Column("email", Text),  # never a place to which anything is sent
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Moment, nullable=False),
)
Index("ix_customer_note_key", customer_note.c.key, customer_note.c.customer_id)
Index("ix_customer_note_email", customer_note.c.email)

participant = Table(
    "participant",
    metadata,
    Column("conversation_id", ForeignKey("conversation.id"), primary_key=True),
    Column("identity_id", ForeignKey("identity.id"), primary_key=True),
    Column("joined_at", Moment, nullable=False),
)
Index("ix_participant_identity_id", participant.c.identity_id)

link = Table(  # two identities are one person's; a row is never deleted, an undone one says since when and by whom
    "link",
    metadata,
    Column("id", Key, primary_key=True),
    Column("identity_id", ForeignKey("identity.id"), nullable=False),  # who gave the proof
    Column("other_id", ForeignKey("identity.id"), nullable=False),  # to whom they proved to belong
    Column("how", String(8), nullable=False),  # code | profile | hand
    Column("agent_id", ForeignKey("agent.id")),  # who had asked for the proof, or linked by hand; None: nobody
    Column("conversation_id", ForeignKey("conversation.id")),  # where it was proven; with the next: what is told of it
    Column("other_conversation_id", ForeignKey("conversation.id")),
    Column("at", Moment, nullable=False),
    Column("undone_at", Moment),
    Column("undone_by", ForeignKey("agent.id")),
    Column("why", Text),  # an agent's reason for a link by hand, which proves nothing
)
_partial("ix_link_identity_id", link, "identity_id", where="undone_at IS NULL")
_partial("ix_link_other_id", link, "other_id", where="undone_at IS NULL")
_partial("ix_link_undone", link, "identity_id", "other_id", where="undone_at IS NOT NULL")

link_code = Table(  # what proves that who reads one conversation also writes in another
    "link_code",
    metadata,
    Column("id", Key, primary_key=True),
    Column("hash", String(32), nullable=False, unique=True),  # keyed with the desk's secret; the code is kept nowhere
    Column("identity_id", ForeignKey("identity.id"), nullable=False),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False),
    Column("seq", Integer, nullable=False),  # the message that shows it, until it is over
    Column("agent_id", ForeignKey("agent.id")),  # who asked for the proof
    Column("made_at", Moment, nullable=False, index=True),
    Column("expires_at", Moment, nullable=False),
    Column("over_at", Moment),  # used, replaced by a newer one, seen by others
)
Index("ix_link_code_identity_id", link_code.c.identity_id, link_code.c.made_at)

link_try = Table(  # a code that was wrong
    "link_try",
    metadata,
    Column("id", Key, primary_key=True),
    Column("identity_id", ForeignKey("identity.id"), nullable=False),
    Column("at", Moment, nullable=False, index=True),
)
Index("ix_link_try_identity_id", link_try.c.identity_id, link_try.c.at)

agent = Table(
    "agent",
    metadata,
    Column("id", Key, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", String(12), nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("password", Text),  # an argon2 hash; without one they cannot sign in to the desk
    Column("created_at", Moment, nullable=False),
    Column("away_since", Moment),  # by their own word, or because they signed out; None: at work
    Column("capacity", Integer),  # open cases that they want to hold at most; None: as the house says
    Column("skills", JSON(none_as_null=True)),  # {"tiers": [...], "channels": [...], "languages": [...]}
    Column("undo_for", Integer),  # seconds in which a reply can be taken back; None: as the house says
)

team = Table(
    "team",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
)

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", ForeignKey("team.id"), primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), primary_key=True),
)
Index("ix_team_member_agent_id", team_member.c.agent_id)

session = Table(
    "session",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),  # sha256 of what the browser holds
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("browser", Text),  # in words, for who looks at their own list
    Column("line", Text),  # an IPv4 address, or an IPv6 /64
    Column("how", String(8)),  # password | link | oidc
)

sign_on = Table(  # who somebody is in the words of an identity provider, from their first sign-in there on
    "sign_on",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("issuer", "subject", name="uq_sign_on_issuer"),
    UniqueConstraint("issuer", "agent_id", name="uq_sign_on_agent"),
)

oidc_try = Table(  # a sign-in that is on its way over an identity provider; taken once
    "oidc_try",
    metadata,
    Column("hash", String(64), primary_key=True),  # sha256 of the state
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

invite = Table(
    "invite",
    metadata,
    Column("id", Key, primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),  # sha256 of the link's last part
    Column("email", Text),  # whom it is for; None: whoever opens it says who they are
    Column("name", Text, nullable=False, server_default=""),
    Column("role", String(12), nullable=False),
    Column("made_by", ForeignKey("agent.id")),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),  # sha256 of the token; the token itself is shown once
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

message = Table(
    "message",
    metadata,
    Column("id", Key, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("direction", String(4), nullable=False),  # in | out | note
    Column("author", String(8), nullable=False),  # customer | bot | agent | system
    Column("author_name", Text, nullable=False, server_default=""),
    Column("identity_id", ForeignKey("identity.id")),
    Column("agent_id", ForeignKey("agent.id")),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("rich", JSON(none_as_null=True)),
    Column("buttons", JSON(none_as_null=True)),
    Column("meta", JSON(none_as_null=True)),
    Column("created_at", Moment, nullable=False),
    Column("platform_at", Moment),
    # what came in
    Column("external_id", Text),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("dedupe", String(32), unique=True),  # digest of channel, account, place, external id, revision
    Column("origin", String(32)),  # the same without the revision: finds the original of an edit
    Column("end", String(12)),
    Column("end_reason", Text),
    # what goes out
    Column("status", String(10)),  # held | queued | sending | sent | failed | unknown | cancelled | parked
    Column("epoch", Integer),  # of the conversation when a bot row was written
    Column("condition", String(24)),  # a system notice leaves only while this is true
    Column("reply_to", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Moment),
    Column("holder", String(40)),
    Column("sending_since", Moment),
    Column("unclear_since", Moment),  # when that first was sent of which nobody knows whether it arrived
    Column("tried_at", Moment),  # the first of these attempts
    Column("parts", Integer),  # in how many it leaves, each sent by itself; null: in one
    Column("parts_done", Integer, nullable=False, server_default="0"),  # how many of them have arrived, in order
    Column("part_ids", JSON(none_as_null=True)),  # the platform's names for those
    Column("sent_at", Moment),
    Column("error", Text),
    # what it is found by (`store/search.py`); the index of it is made by the migration, in each database's own way
    Column("words", Findable, default=lambda context: of_message(context.get_current_parameters())),
)
LEAVING: Final = ("held", "queued", "sending", "unknown")
"""What the courier still has to do with."""
UNSETTLED: Final = ("held", "queued", "sending")
"""What holds back the later rows of its conversation."""
UNDELIVERED: Final = ("failed", "unknown", "parked")
"""What people look at."""
HALF_SENT: Final = "status = 'unknown' AND parts > 1"
"""Of which one part is unclear: the others are still to come, before what was said later."""
UNDECIDED: Final = and_(message.c.direction == literal("in", literal_execute=True), message.c.end.is_(None))
Index("uq_message_conversation_id_seq", message.c.conversation_id, message.c.seq, unique=True)
Index("ix_message_origin", message.c.origin, message.c.revision)
_partial("ix_message_undecided", message, "conversation_id", "seq", where="direction = 'in' AND \"end\" IS NULL")
_partial("ix_message_outbox", message, "next_try_at", where=f"status IN {LEAVING}")
_partial("ix_message_unsettled", message, "conversation_id", "seq", where=f"status IN {UNSETTLED}")
_partial("ix_message_undelivered", message, "id", where=f"status IN {UNDELIVERED}")
_partial("ix_message_half_sent", message, "conversation_id", "seq", where=HALF_SENT)

attachment = Table(
    "attachment",
    metadata,
    Column("id", Key, primary_key=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("reference", Text, nullable=False, server_default=""),
    Column("content", LargeBinary),
    Column("created_at", Moment, nullable=False),
    # added to those of its message by a trigger
    Column("words", Findable, default=lambda context: of_name(context.get_current_parameters()["name"])),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Key, primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("dedupe", String(32), nullable=False, unique=True),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("retried_at", Moment),
    Column("released_at", Moment),  # it could be read after all
    Column("set_aside_at", Moment),  # a person has looked, and nothing is to be done
    Column("asked_at", Moment),  # somebody at the command line wants it tried again
)
IN_QUARANTINE: Final = "released_at IS NULL AND set_aside_at IS NULL"
_partial("ix_quarantine_waiting", quarantine, "id", where=IN_QUARANTINE)
_partial("ix_quarantine_asked", quarantine, "id", where="asked_at IS NOT NULL")

verdict = Table(
    "verdict",
    metadata,
    Column("id", Key, primary_key=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, unique=True),
    Column("tier", String(10), nullable=False),
    Column("intent", String(60), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("automatable", Boolean, nullable=False),
    Column("evidence", JSON(none_as_null=True)),
    Column("model", String(80), nullable=False),
    Column("created_at", Moment, nullable=False),
)

case = Table(
    "case",
    metadata,
    Column("id", Key, primary_key=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False),
    Column("customer_id", ForeignKey("customer.id"), nullable=False),  # its conversation's, always
    Column("channel", String(40), nullable=False),
    Column("tier", String(10), nullable=False),
    Column("sla", String(10), nullable=False),  # the tier whose time is kept: security is served like an outage
    Column("urgent", Boolean, nullable=False),  # first class of the queue
    Column("status", String(10), nullable=False),  # waiting | open | pending | snoozed | resolved
    Column("assignee_id", ForeignKey("agent.id")),
    Column("team_id", ForeignKey("team.id")),  # whose queue it waits in; None: everybody's
    Column("deadline", Moment),
    Column("sort_at", Moment, nullable=False),  # the deadline, or the end of time: what every list is ordered by
    Column("unanswered_since", Moment),  # the oldest customer message that no person has answered
    Column("reason", Text, nullable=False),
    Column("customer_name", Text, nullable=False, server_default=""),
    Column("customer_key", _Ordered, nullable=False, server_default=""),  # the name without regard to case
    Column("preview", Text, nullable=False, server_default=""),
    Column("context", JSON(none_as_null=True)),
    Column("opened_at", Moment, nullable=False),
    Column("opened_seq", Integer, nullable=False),
    Column("claimed_at", Moment),
    Column("first_answer_at", Moment),
    Column("answered_in_time", Boolean),  # that first answer, by the deadline of its moment
    Column("snoozed_until", Moment),
    Column("resolved_at", Moment),
    Column("outcome", String(20)),
    Column("reopened", Integer, nullable=False, server_default="0"),
    Column("previous_id", ForeignKey("case.id")),
    Column("merged_into_id", ForeignKey("case.id")),  # its outcome is `merged`: the matter is that case's
    Column("satisfaction", String(8)),
    Column("breached_at", Moment),
    Column("flags", JSON(none_as_null=True)),  # {"works_now": true, …}: what an agent should look at
)
UNRESOLVED_ONLY: Final = case.c.status != literal("resolved", literal_execute=True)
RESOLVED_ONLY: Final = case.c.status == literal("resolved", literal_execute=True)
_UNRESOLVED = "status <> 'resolved'"


def unresolved_with(status: str) -> ColumnElement[bool]:
    """Cases with that status, which is not `resolved`, by the index of the unresolved."""
    return and_(case.c.status == literal(status, literal_execute=True), _Said(f'"case".{_UNRESOLVED}'))


class _Said(TextClause):
    """A condition that follows from another. SQLite must be told; PostgreSQL would count it twice, and expect few rows.

    Expecting few it reads and sorts all that are unresolved, where it should walk an index for one page.
    """

    inherit_cache = True


@compiles(_Said, "postgresql")
def _silent(element: _Said, compiler: SQLCompiler, **options: Any) -> str:
    return "true"


_RESOLVED = "status = 'resolved'"
_ORDER = (case.c.urgent.desc(), case.c.sort_at, case.c.id)
_partial("uq_case_unresolved", case, "conversation_id", where=_UNRESOLVED, unique=True)
Index("ix_case_conversation_id", case.c.conversation_id, case.c.id)
_partial("ix_case_unresolved", case, *_ORDER, where=_UNRESOLVED)
_partial("ix_case_unresolved_status", case, "status", *_ORDER, where=_UNRESOLVED)
_partial("ix_case_unresolved_tier", case, "tier", *_ORDER, where=_UNRESOLVED)
_partial("ix_case_unresolved_tier_status", case, "tier", "status", *_ORDER, where=_UNRESOLVED)
_partial("ix_case_unresolved_channel", case, "channel", "status", *_ORDER, where=_UNRESOLVED)
_partial("ix_case_unresolved_team", case, "team_id", "status", *_ORDER, where=f"{_UNRESOLVED} AND team_id IS NOT NULL")
_partial("ix_case_team_id", case, "team_id", where="team_id IS NOT NULL")
_partial("ix_case_unresolved_assignee", case, "assignee_id", *_ORDER, where=_UNRESOLVED)
_partial("ix_case_resolved", case, "id", where=_RESOLVED)
_partial("ix_case_resolved_tier", case, "tier", "id", where=_RESOLVED)
_partial("ix_case_resolved_assignee", case, "assignee_id", "id", where=_RESOLVED)
_partial("ix_case_answered", case, "first_answer_at", "sla", "answered_in_time", where="first_answer_at IS NOT NULL")
_partial("ix_case_merged_into_id", case, "merged_into_id", where="merged_into_id IS NOT NULL")
Index("ix_case_customer_key", case.c.customer_key)
Index("ix_case_customer_id", case.c.customer_id, case.c.id)
Index("ix_case_customer_opened", case.c.customer_id, case.c.opened_at)
_partial("ix_case_customer_surveyed", case, "customer_id", "id", where="satisfaction IS NOT NULL")

case_event = Table(
    "case_event",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", ForeignKey("case.id"), nullable=False, index=True),
    Column("kind", String(24), nullable=False),
    Column("actor", String(8), nullable=False),  # customer | bot | agent | system
    Column("agent_id", ForeignKey("agent.id")),
    Column("at", Moment, nullable=False),
    Column("data", JSON(none_as_null=True)),
)

case_tag = Table(  # a word of the company's own on a case, and who put it there
    "case_tag",
    metadata,
    Column("case_id", ForeignKey("case.id"), primary_key=True),
    Column("tag", _Ordered, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("from_id", ForeignKey("case.id")),  # the case that was merged into this one and brought it
)
Index("ix_case_tag_tag", case_tag.c.tag, case_tag.c.case_id)

offer = Table(  # whom the desk has asked to take a case, where work is given out
    "offer",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", ForeignKey("case.id"), nullable=False),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("state", String(8), nullable=False),  # offered | taken | passed | over | gone
)
Index("ix_offer_case_id", offer.c.case_id, offer.c.at)
Index("ix_offer_agent_id", offer.c.agent_id, offer.c.at)
_OFFERED = "state = 'offered'"
_partial("uq_offer_case", offer, "case_id", where=_OFFERED, unique=True)
_partial("uq_offer_agent", offer, "agent_id", where=_OFFERED, unique=True)

label = Table(
    "label",
    metadata,
    Column("id", Key, primary_key=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("tier", String(10), nullable=False),
    Column("intent", String(60)),
    Column("agent_id", ForeignKey("agent.id")),
    Column("source", String(16), nullable=False),  # correction: what the classifier may learn from; see `sample`
    Column("created_at", Moment, nullable=False),
)
Index("ix_label_source", label.c.source, label.c.message_id, label.c.id)

sample = Table(  # first messages that chance has chosen for people to label: the gate is measured on them, not taught
    "sample",
    metadata,
    Column("id", Key, primary_key=True),
    Column("message_id", ForeignKey("message.id"), nullable=False, unique=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False, unique=True),
    Column("came_at", Moment, nullable=False),
    # how it was decided; none of it is shown before the label
    Column("decided_at", Moment),
    Column("words", JSON(none_as_null=True)),  # the numbers of the messages that were read as one matter with it
    Column("act", String(12)),  # what the machine did
    Column("threshold", Float),  # in use then
    Column("rule", String(40)),  # what judged it last: classifier, articles, terms
    Column("opens_at", Float),  # the least threshold at which that rule acts on it alone; none: it never does
    # what a person says
    Column("turn", Integer, nullable=False, server_default="0"),  # skipped so often: it comes after the others
    Column("tier", String(10)),
    Column("complaint", Boolean),
    Column("labelled_by", ForeignKey("agent.id")),
    Column("labelled_at", Moment),
)
TO_LABEL: Final = and_(sample.c.tier.is_(None), sample.c.decided_at.is_not(None))
LABELLED: Final = sample.c.tier.is_not(None)
_partial("ix_sample_to_label", sample, "turn", "id", where="tier IS NULL AND decided_at IS NOT NULL")
_LABELLED = "tier IS NOT NULL"
_partial("ix_sample_labelled", sample, "came_at", "tier", "complaint", "rule", "opens_at", where=_LABELLED)
_partial("ix_sample_judged", sample, "id", where=_LABELLED)

promise = Table(
    "promise",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", ForeignKey("case.id"), nullable=False, index=True),
    Column("conversation_id", ForeignKey("conversation.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("by", Moment, nullable=False),
    Column("basis", String(24), nullable=False),  # why we may say so: agents on duty, opening hours, an agent's word
    Column("state", String(10), nullable=False),  # open | kept | broken | replaced | withdrawn
    Column("made_at", Moment, nullable=False),
    Column("settled_at", Moment),
)
_partial("ix_promise_open", promise, "by", where="state = 'open'")

due = Table(
    "due",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("data", JSON(none_as_null=True)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    Column("consumed_at", Moment),
    Column("error", Text),
)
_partial("ix_due_waiting", due, "at", where="consumed_at IS NULL")
_partial("ix_due_subject", due, "subject", "kind", where="consumed_at IS NULL")
_partial("ix_due_failed", due, "id", where="error IS NOT NULL")
_partial("ix_due_done", due, "consumed_at", where="consumed_at IS NOT NULL AND error IS NULL")

mention = Table(  # a colleague, called by a note; by whom, and whether they have looked since
    "mention",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", ForeignKey("case.id"), nullable=False),
    Column("message_id", ForeignKey("message.id"), nullable=False, index=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("by_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("seen_at", Moment),
)
_partial("ix_mention_unseen", mention, "agent_id", "case_id", where="seen_at IS NULL")

block = Table(  # an identity whose words reach nobody; an undone row says since when and by whom
    "block",
    metadata,
    Column("id", Key, primary_key=True),
    Column("identity_id", ForeignKey("identity.id"), nullable=False),
    Column("by_id", ForeignKey("agent.id"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("why", Text, nullable=False),
    Column("undone_at", Moment),
    Column("undone_by", ForeignKey("agent.id")),
)
STANDING_BLOCK: Final = block.c.undone_at.is_(None)
_partial("uq_block_standing", block, "identity_id", where="undone_at IS NULL", unique=True)

cursor = Table(
    "cursor",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("token", BigInteger),
    Column("updated_at", Moment, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
)

channel_state = Table(  # how one process says that one account's link stands; each process has a row of its own
    "channel_state",
    metadata,
    Column("channel", String(40), primary_key=True),
    Column("account", Text, primary_key=True),
    Column("process", String(60), primary_key=True),
    Column("connected", String(8), nullable=False),  # yes | partly | no | standby
    Column("since", Moment),
    Column("told", JSON(none_as_null=True), nullable=False),  # what else it says, in the words of bot.watch
    Column("at", Moment, nullable=False),  # also a sign of life: a row that is not renewed is a dead process's
    Column("stopped_at", Moment),
)

channel_traffic = Table(  # when something last left, kept so that nobody has to search history for it
    "channel_traffic",
    metadata,
    Column("channel", String(40), primary_key=True),
    Column("account", Text, primary_key=True),
    Column("last_out_at", Moment, nullable=False),
)

macro = Table(  # what agents say often: text with gaps for names, numbers and times
    "macro",
    metadata,
    Column("id", Key, primary_key=True),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("owner_id", ForeignKey("agent.id")),  # whose own it is; None: the team's, or everybody's
    Column("team_id", ForeignKey("team.id")),  # whose it is; None with no owner: everybody's
    Column("tier", String(10)),  # offered first for cases of this tier; None: of any
    Column("shortcut", String(20), nullable=False, server_default=""),
    Column("uses", Integer, nullable=False, server_default="0"),
    Column("archived_at", Moment),
    Column("updated_by", ForeignKey("agent.id")),
    Column("updated_at", Moment, nullable=False),
)
_partial("ix_macro_owner_id", macro, "owner_id", where="archived_at IS NULL")
_partial("ix_macro_shared", macro, "team_id", where="archived_at IS NULL AND owner_id IS NULL")

upload = Table(  # a file on its way into a reply or a note; it leaves this table with the message that takes it
    "upload",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("case_id", ForeignKey("case.id"), nullable=False),
    Column("mode", String(5), nullable=False),  # reply | note: never the one for the other
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)
Index("ix_upload_agent_id", upload.c.agent_id, upload.c.case_id, upload.c.id)

probe = Table(  # a test message: of no conversation, sent once, with what came of it
    "probe",
    metadata,
    Column("id", Key, primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("agent_id", ForeignKey("agent.id")),  # who asked; None: somebody at the command line
    Column("key", String(32), unique=True),  # of the request: the same request again is the same test
    Column("status", String(8), nullable=False),  # queued | sending | sent | refused | unclear
    Column("said", Text),  # the platform's words, or ours
    Column("created_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
)
Index("ix_probe_account", probe.c.channel, probe.c.account, probe.c.id)
_partial("ix_probe_queued", probe, "id", where="status = 'queued'")

hold = Table(  # a reply that somebody has sent and may still take back: it becomes a message when it leaves
    "hold",
    metadata,
    Column("id", Key, primary_key=True),
    Column("case_id", ForeignKey("case.id"), nullable=False),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("also", JSON(none_as_null=True)),  # who gets a copy
    Column("files", JSON(none_as_null=True)),  # numbers of what goes with it
    Column("after_seq", Integer, nullable=False),  # what had been said when it was sent
    Column("state", String(12), nullable=False),  # held | left | taken_back | refused
    Column("seq", Integer),  # the message that it became
    Column("why", Text),  # it could not leave
    Column("made_at", Moment, nullable=False),
    Column("leaves_at", Moment, nullable=False),
    Column("ended_at", Moment),
)
HELD: Final = hold.c.state == literal("held", literal_execute=True)
LEFT: Final = hold.c.state == literal("left", literal_execute=True)
_partial("ix_hold_left", hold, "case_id", where="state = 'left'")
_partial("uq_hold_held", hold, "case_id", where="state = 'held'", unique=True)
_partial("ix_hold_ended", hold, "ended_at", where="ended_at IS NOT NULL")

draft = Table(  # what somebody is writing; a reply and a note are two drafts, and never meet
    "draft",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("case_id", ForeignKey("case.id"), nullable=False),
    Column("mode", String(5), nullable=False),  # reply | note
    Column("text", Text, nullable=False),
    Column("files", JSON(none_as_null=True)),
    Column("notice", Text),  # why it is a draft again; until it is touched
    Column("version", Integer, nullable=False),  # grows with each change, also of another machine's
    Column("updated_at", Moment, nullable=False, index=True),
)
Index("uq_draft_agent_id", draft.c.agent_id, draft.c.case_id, draft.c.mode, unique=True)

article = Table(
    "article",
    metadata,
    Column("id", Key, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("markdown", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("source", String(10), nullable=False),  # demo | own
    Column("updated_at", Moment, nullable=False),
)

setting = Table(
    "setting",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("value", JSON(none_as_null=True)),
    Column("updated_at", Moment, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("agent_id", ForeignKey("agent.id")),
    Column("action", String(40), nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", JSON(none_as_null=True)),
)
Index("ix_audit_at", audit.c.at, audit.c.id)
Index("ix_audit_agent_id", audit.c.agent_id, audit.c.at, audit.c.id)
_partial("ix_audit_nobody", audit, "at", "id", where="agent_id IS NULL")
Index("ix_audit_action", audit.c.action, audit.c.at, audit.c.id)
Index("ix_audit_agent_action", audit.c.agent_id, audit.c.action, audit.c.at, audit.c.id)
Index("ix_audit_subject", audit.c.subject, audit.c.at, audit.c.id)

idempotency = Table(
    "idempotency",
    metadata,
    Column("agent_id", ForeignKey("agent.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),  # of the request: the same key for another one is refused
    Column("response", JSON(none_as_null=True), nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)

# --- a team's chat as the desk's window ---

agent_name = Table(  # who of a platform's people is which colleague
    "agent_name",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("how", String(8), nullable=False),  # code | address
    Column("at", Moment, nullable=False),
)
Index("uq_agent_name_external_id", agent_name.c.channel, agent_name.c.account, agent_name.c.external_id, unique=True)

agent_code = Table(  # shown at the desk, written in the window: then both are known to be one person's
    "agent_code",
    metadata,
    Column("id", Key, primary_key=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False, index=True),
    Column("hash", String(64), nullable=False, unique=True),  # the code itself is shown once
    Column("expires_at", Moment, nullable=False, index=True),
)

window_event = Table(  # what people did in a window, kept before the platform hears a yes
    "window_event",
    metadata,
    Column("id", Key, primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("dedupe", String(32), nullable=False, unique=True),
    Column("kind", String(12), nullable=False),  # said | edited | deleted | pressed | chosen
    Column("data", JSON(none_as_null=True), nullable=False),
    Column("at", Moment, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("done_at", Moment),
    Column("error", Text),
)
_partial("ix_window_event_waiting", window_event, "id", where="done_at IS NULL")
_partial("ix_window_event_done", window_event, "done_at", where="done_at IS NOT NULL")

window_post = Table(  # what a window shows; the words are made when they leave, from the rows that they tell of
    "window_post",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key", String(32), nullable=False, unique=True),  # by which a post is found again
    Column("channel", String(40), nullable=False),
    Column("account", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("kind", String(8), nullable=False),  # card | line | send | digest
    Column("case_id", ForeignKey("case.id")),
    Column("seq", Integer),  # of a card: so far its conversation is told; of a line: which message it tells
    Column("digest_id", ForeignKey("window_post.id")),  # of a card: the digest that names the case instead
    Column("ts", Text),  # the platform's name for it
    Column("status", String(10), nullable=False),  # queued | sending | unknown | sent | digested | failed
    Column("rev", Integer, nullable=False, server_default="0"),  # grows with what it should show
    Column("told", Integer, nullable=False, server_default="0"),  # what of that it shows
    Column("shown_status", String(10)),  # of a card: the case as it was last looked at
    Column("shown_holder", BigInteger),
    Column("shown_tier", String(10)),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("error", Text),
)
TO_POST: Final = "status IN ('queued', 'unknown') OR (status = 'sent' AND told < rev)"
LIVE_CARD: Final = "kind = 'card' AND shown_status <> 'resolved'"
Index("ix_window_post_case_id", window_post.c.case_id, window_post.c.kind, window_post.c.seq)
Index("ix_window_post_ts", window_post.c.place, window_post.c.ts)
_partial("ix_window_post_to_post", window_post, "next_try_at", where=TO_POST)
_partial("ix_window_post_sending", window_post, "id", where="status = 'sending'")
_partial("ix_window_post_live", window_post, "id", where=LIVE_CARD)
_partial("ix_window_post_digest", window_post, "created_at", where="kind = 'digest'")
_partial("ix_window_post_digest_id", window_post, "digest_id", where="digest_id IS NOT NULL")

window_send = Table(  # words of a colleague's thread that are to go to the customer: asked for, confirmed, held, gone
    "window_send",
    metadata,
    Column("id", Key, primary_key=True),
    Column("dedupe", String(32), nullable=False, unique=True),  # of the event that asked for it
    Column("case_id", ForeignKey("case.id"), nullable=False, index=True),
    Column("agent_id", ForeignKey("agent.id"), nullable=False),
    Column("post_id", ForeignKey("window_post.id")),  # the line that tells of it
    Column("person", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("after_seq", Integer, nullable=False),  # the last message that they could know of
    Column("state", String(8), nullable=False),  # asked | held | leaving | sent | undone | refused
    Column("leaves_at", Moment),
    Column("seq", Integer),
    Column("why", Text),
    Column("created_at", Moment, nullable=False),
)
_partial("ix_window_send_leaves_at", window_send, "leaves_at", where="state IN ('held', 'leaving')")
Index("ix_window_send_post_id", window_send.c.post_id)
