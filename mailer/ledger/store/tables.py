"""The tables, as queries see them. The migrations create them; a test compares the two.

It is longer than most modules: the tables of one database refer to each other.

    edition ── edition_media ── media
       ├ correction
       └ send ── send_list, send_shard
           └ delivery ── attempt
    suppression   suppression_change   warmup_day   worker   role_lease   meta   rollback_counter
    list ── member ── member_change   list_sync   consent   transactional_mail   leaving_reason
    desk_user ── desk_session, desk_two_factor   audit   revision   approval
    api_token ── idempotency_key
    webhook ── webhook_event   webhook_message ── webhook_attempt
    feedback ── feedback_decision   feedback_message   feedback_source   provider_token

Times are seconds since the epoch, UTC. `identity` is the canonical address of a subscriber, or the pseudonym after erasure.

A delivery is inserted once, when the send is created, and never deleted; erasure only empties what identifies the subscriber.
Its attempt number `attempts` has a row in `attempt` once it is closed; while the delivery is claimed or sending, that attempt
is under way, and was opened at `updated_at`. `delivery.next_at` is 0 unless it is deferred, or pending again, behind all
others, because a relay refused it and not its recipient; so one index serves all claims. Its unique key begins with the identity,
so that it also finds all deliveries of one subscriber. `send.first_id` and `last_id` bound the ids of its deliveries, so that a
report reads them in order without sorting.

A `send_shard` is a range of the deliveries of a send, which one process at a time works on. Its columns from `holder` to
`expires_at` are the lease of that process, on PostgreSQL only; `fencing_token` rises with every new holder. `next_at` is when it
has something to send: 0 for now, null for nothing. The holder may use the part of each limit from `share_from` to `share_to`.
A `worker` is a `mailer worker` that lives, or has died since. A `role_lease` is the right to run what runs once for all machines.
`send.queue` names the workers that may take its shards; `requirements` is a JSON object of the settings that they must have, and
"" until the send is handed over to them.

`send.created_by` is the user of the desk who made it; `token` comes from the form, so that a form makes one send however often
it is submitted. `run_by_server`: `serve` runs it, and the next `serve` continues when that one dies. `undoable`: it can be
undone until `scheduled_at`. `sender_profile` is a JSON object of the sender's
settings when the send was made; null before schema 0014. A `correction` is an edition that was never sent: the archive shows it
in place of the one that was. An `approval` names an edition that need not be stored yet.

A member is one subscriber on one list, permanently: after removal from the file the row stays, with `removed_at`. `line` is where
the row began in the file at the last sync, NO_LINE for a member who is not in it, so that one index serves reading a list in
the order of its file. `base_status` is what the file said then. `fields` and `profile` are JSON objects of texts, without empty
ones in `fields`; the values of `profile`, which the subscriber set, override it, empty ones too.

A removed `desk_user` keeps the row, without password and link. Sessions, links and API tokens are kept as digests, so that a
copy of the database gives no access. `audit` and `revision` keep the name that a user had then. `idempotency_key` keeps the
response to a request that must not be done twice. A webhook's secret is derived from `key_name` and `salt`, and stored nowhere;
its messages refer to it without a foreign key, because its removal must not wait.

A row of `feedback` is about one recipient, and is never changed: a person's decision is a row of its own, and only erasure
empties what identifies somebody. `source` and `source_id` make it unique. `delivery_id` is the delivery that it names, proven or
not (`proof`). `identity` is whom it is about: the recipient of that delivery, else the address in the message.
`feedback_message` keeps the message for a few days, compressed. `feedback_source` counts, by source. `provider_token` keeps the
tokens of Mailgun's requests for two days, each with the digest of the only body that may have it.

It is longer than most modules: one list of tables, because their keys refer to each other.
"""

from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from mailer.csv.rows import Status
from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.feedback.model import FeedbackKind
from mailer.feedback.policy import Effect
from mailer.ledger.types.feedback import LONGEST_ID, LONGEST_SOURCE, DecisionAction, FeedbackProof
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.subscribers import NO_LINE, LeavingReason, MemberChangeKind, SignupSource, StatusSource
from mailer.ledger.types.suppressions import SuppressionAction, SuppressionReason
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.ledger.types.webhooks import WebhookEvent, WebhookState
from mailer.smtp.stage import Stage

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)
Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only in an INTEGER


def _word(words: type[StrEnum], *, length: int = 16) -> Enum:
    """Returns the type of a column with one of `words`, kept as text: a native enum type would be hard to extend."""
    return Enum(words, native_enum=False, length=length, values_callable=lambda enum: [word.value for word in enum])


meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

rollback_counter = Table(
    "rollback_counter",
    metadata,
    Column("folder", String(64), primary_key=True),
    Column("counter", BigInteger, nullable=False),
)

edition = Table(
    "edition",
    metadata,
    Column("digest", String(128), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("json", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

media = Table(
    "media",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("content_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

edition_media = Table(
    "edition_media",
    metadata,
    Column("digest", ForeignKey(edition.c.digest), primary_key=True),
    Column("name", ForeignKey(media.c.name), primary_key=True),
)

correction = Table(
    "correction",
    metadata,
    Column("id", Id, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("digest", ForeignKey(edition.c.digest), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Float, nullable=False),
)

send = Table(
    "send",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", _word(SendKind), nullable=False),
    Column("slug", Text, nullable=False),
    Column("digest", ForeignKey(edition.c.digest), nullable=False),
    Column("state", _word(SendState), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("lists", JSON, nullable=False),
    Column("exclude", JSON, nullable=False),
    Column("condition", Text, nullable=False, server_default=""),
    Column("key_name", Text, nullable=False),
    Column("parent_id", ForeignKey("send.id")),
    Column("repeat", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("scheduled_at", Float),
    Column("begun_at", Float),
    Column("ended_at", Float),
    Column("first_id", Id, nullable=False, server_default="0"),
    Column("last_id", Id, nullable=False, server_default="-1"),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("token", String(64)),
    Column("run_by_server", Boolean, nullable=False, server_default=false()),
    Column("undoable", Boolean, nullable=False, server_default=false()),
    Column("sender_profile", Text),
    Column("queue", String(128), nullable=False, server_default=""),
    Column("requirements", Text, nullable=False, server_default=""),
    Index("uq_send_token", "token", unique=True),  # no constraint: SQLite adds none to an existing table
    Index("ix_send_slug", "slug", "kind", "state"),
    Index("ix_send_state", "state", "scheduled_at"),
    sqlite_autoincrement=True,
)

send_list = Table(
    "send_list",
    metadata,
    Column("send_id", ForeignKey(send.c.id), primary_key=True),
    Column("name", Text, primary_key=True),
)

approval = Table(
    "approval",
    metadata,
    Column("digest", String(128), primary_key=True),
    Column("by", String(255), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("source", String(64), nullable=False),
    Column("at", Float, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True),
    Column("send_id", ForeignKey(send.c.id), nullable=False),
    Column("identity", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("state", _word(DeliveryState), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("resends", Integer, nullable=False, server_default="0"),
    Column("resolved_manually", Boolean, nullable=False, server_default=false()),
    Column("date", Float),
    Column("next_at", Float, nullable=False, server_default="0"),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("identity", "send_id"),
    Index("ix_delivery_claim", "send_id", "state", "next_at", "id"),
)

HAS_PROVIDER_ID = text("substr(reply, 1, 4) = 'Ok 0'")
"""The predicate of the partial index: replies with an id of Amazon SES, which replaces our Message-ID by its own."""

attempt = Table(
    "attempt",
    metadata,
    Column("delivery_id", ForeignKey(delivery.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float),
    Column("relay", Text, nullable=False, server_default=""),
    Column("stage", _word(Stage)),
    Column("code", Integer),
    Column("enhanced", Text, nullable=False, server_default=""),
    Column("reply", Text, nullable=False, server_default=""),
    Column("classification", _word(DeliveryState)),
    Column("lost", Boolean, nullable=False, server_default=false()),
    Index("ix_attempt_provider_id", "reply", sqlite_where=HAS_PROVIDER_ID, postgresql_where=HAS_PROVIDER_ID),
    sqlite_with_rowid=False,
)

send_shard = Table(
    "send_shard",
    metadata,
    Column("send_id", ForeignKey(send.c.id), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first_id", Id, nullable=False),
    Column("last_id", Id, nullable=False),
    Column("next_at", Float),
    Column("fencing_token", Integer, nullable=False, server_default="0"),
    Column("holder", String(64), nullable=False, server_default=""),
    Column("pid", Integer, nullable=False, server_default="0"),
    Column("host", Text, nullable=False, server_default=""),
    Column("taken_at", Float, nullable=False, server_default="0"),
    Column("expires_at", Float, nullable=False, server_default="0"),
    Column("share_from", Float, nullable=False, server_default="0"),
    Column("share_to", Float, nullable=False, server_default="0"),
    Column("begun_at", Float),
    Column("settled_at", Float),
    Index("ix_send_shard_expires_at", "expires_at"),
)

worker = Table(
    "worker",
    metadata,
    Column("holder", String(64), primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("queue", String(128), nullable=False),
    Column("shards", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
)

role_lease = Table(
    "role_lease",
    metadata,
    Column("role", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
)

warmup_day = Table(
    "warmup_day",
    metadata,
    Column("sender", Text, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("sent", Integer, nullable=False),
)

suppression = Table(
    "suppression",
    metadata,
    Column("identity", String(512), primary_key=True),
    Column("reason", _word(SuppressionReason), nullable=False),
    Column("shadowed_reason", _word(SuppressionReason)),
    Column("at", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("send_id", ForeignKey(send.c.id)),
)

suppression_change = Table(
    "suppression_change",
    metadata,
    Column("id", Id, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("change", _word(SuppressionAction), nullable=False),
    Column("reason", _word(SuppressionReason), nullable=False),
    Column("at", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("send_id", ForeignKey(send.c.id)),
    Index("ix_suppression_change_identity", "identity", "id"),
)

list_ = Table(
    "list",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("columns", JSON, nullable=False),
    Column("digest", String(64), nullable=False, server_default=""),
    Column("findings", JSON, nullable=False),
    Column("sync_id", Id),
    UniqueConstraint("name"),
)

list_sync = Table(
    "list_sync",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list_id", ForeignKey(list_.c.id), nullable=False),
    Column("at", Float, nullable=False),
    Column("by", Text, nullable=False),
    Column("digest_before", String(64), nullable=False),
    Column("size_before", BigInteger, nullable=False),
    Column("digest_after", String(64), nullable=False, server_default=""),
    Column("size_after", BigInteger, nullable=False, server_default="0"),
    Column("counts", JSON, nullable=False),
    Column("undo_of", Id),
    Index("ix_list_sync_list_id", "list_id", "id"),
)

APART = text("status <> 'subscribed' OR base_status <> 'subscribed'")
"""The predicate of the partial index: members that are not simply subscribed."""
IS_APART = text(f"({APART.text})")
"""The same as a condition: a query with this very text uses the index."""

member = Table(
    "member",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list_id", ForeignKey(list_.c.id), nullable=False),
    Column("identity", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("profile", Text, nullable=False, server_default="{}"),
    Column("status", _word(Status), nullable=False, server_default=Status.SUBSCRIBED.value),
    Column("status_source", _word(StatusSource), nullable=False, server_default=StatusSource.FILE.value),
    Column("since", Float, nullable=False),
    Column("joined_at", Float, nullable=False),
    Column("source", _word(SignupSource), nullable=False, server_default=SignupSource.FILE.value),
    Column("in_file", Boolean, nullable=False, server_default=true()),
    Column("line", Integer, nullable=False, server_default=str(NO_LINE)),
    Column("base_status", _word(Status)),
    Column("paused_until", Float),
    Column("removed_at", Float),
    Index("uq_member_list_id", "list_id", "identity", unique=True),  # no constraint, so that a bulk load can do without
    Index("ix_member_line", "list_id", "line"),
    # and on PostgreSQL ix_member_identity, in the collation "C": migration 0010
    Index("ix_member_apart", "list_id", sqlite_where=APART, postgresql_where=APART),
)

member_change = Table(
    "member_change",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list_id", ForeignKey(list_.c.id), nullable=False),
    Column("identity", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("by", Text, nullable=False),
    Column("kind", _word(MemberChangeKind), nullable=False),
    Column("before", Text, nullable=False, server_default=""),
    Column("after", Text, nullable=False, server_default=""),
    Column("sync_id", Id),
    Index("ix_member_change_identity", "identity", "id"),
    Index("ix_member_change_sync_id", "sync_id"),
)

consent = Table(
    "consent",
    metadata,
    Column("id", Id, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("list_id", ForeignKey(list_.c.id)),
    Column("at", Float, nullable=False),
    Column("form", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("ip", Text, nullable=False, server_default=""),
    Column("confirmed_at", Float),
    Index("ix_consent_identity", "identity", "id"),
)

transactional_mail = Table(
    "transactional_mail",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", _word(TransactionalKind), nullable=False),
    Column("identity", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("list_id", ForeignKey(list_.c.id)),
    Column("payload", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state", _word(TransactionalState), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Float, nullable=False, server_default="0"),
    Column("settled_at", Float),
    Column("reply", Text, nullable=False, server_default=""),
    Column("link_digest", String(64)),
    Column("link_made_at", Float),
    Column("mailbox", Text, nullable=False, server_default=""),
    Index("ix_transactional_mail_link", "link_digest", unique=True),
    Index("ix_transactional_mail_mailbox", "mailbox", "created_at"),
    Index("ix_transactional_mail_state", "state", "next_at"),
    Index("ix_transactional_mail_identity", "identity", "created_at"),
)

leaving_reason = Table(
    "leaving_reason",
    metadata,
    Column("identity", String(512), primary_key=True),
    Column("said_at", Float, primary_key=True),
    Column("reason", _word(LeavingReason), nullable=False),
    Column("words", Text, nullable=False, server_default=""),
    Column("at", Float, nullable=False),
)

desk_user = Table(
    "desk_user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, server_default=""),
    Column("role", _word(Role), nullable=False),
    Column("password", Text, nullable=False, server_default=""),
    Column("link", String(64)),
    Column("link_until", Float),
    Column("created_at", Float, nullable=False),
    Column("removed_at", Float),
    Column("oidc_login", Text),
    Column("oidc_issuer", Text),
    Column("oidc_subject", Text),
    UniqueConstraint("key"),
    UniqueConstraint("link"),
    Index("ix_desk_user_oidc_login", "oidc_login", unique=True),
    Index("ix_desk_user_oidc_subject", "oidc_issuer", "oidc_subject", unique=True),
    sqlite_autoincrement=True,
)

desk_session = Table(
    "desk_session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("user_id", ForeignKey(desk_user.c.id), nullable=False),
    Column("browser", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    UniqueConstraint("digest"),
    Index("ix_desk_session_user_id", "user_id"),
    sqlite_autoincrement=True,
)

desk_two_factor = Table(
    "desk_two_factor",
    metadata,
    Column("user_id", ForeignKey(desk_user.c.id), primary_key=True),
    Column("key_name", String(32), nullable=False),
    Column("salt", String(64), nullable=False),
    Column("since", Float),
    Column("last_step", BigInteger, nullable=False, server_default="0"),
    Column("recovery", JSON, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
)

revision = Table(
    "revision",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file", String(255), nullable=False),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("words", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_revision_file", "file", "id"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(255), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("used_at", Float),
    Column("revoked_at", Float),
    Column("ends_at", Float),
    Column("networks", JSON),
    UniqueConstraint("key"),
    UniqueConstraint("digest"),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("token_id", ForeignKey(api_token.c.id), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("status", Integer),
    Column("body", Text, nullable=False, server_default=""),
    Column("location", Text, nullable=False, server_default=""),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("key", String(32), nullable=False),
    Column("key_name", Text, nullable=False),
    Column("salt", String(64), nullable=False),
    Column("old_key_name", Text),
    Column("old_salt", String(64)),
    Column("old_until", Float),
    Column("created_at", Float, nullable=False),
    Column("paused_at", Float),
    Column("pause_reason", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

webhook_event = Table(
    "webhook_event",
    metadata,
    Column("webhook_id", ForeignKey(webhook.c.id), primary_key=True),
    Column("event", _word(WebhookEvent, length=32), primary_key=True),
)

webhook_message = Table(
    "webhook_message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Integer, nullable=False),
    Column("event", _word(WebhookEvent, length=32), nullable=False),
    Column("identity", Text, nullable=False, server_default=""),
    Column("data", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("state", _word(WebhookState), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("first_at", Float),
    Column("next_at", Float, nullable=False),
    Column("settled_at", Float),
    Index("ix_webhook_message_webhook_id", "webhook_id", "state", "next_at"),
    Index("ix_webhook_message_identity", "identity"),
    sqlite_autoincrement=True,
)

webhook_attempt = Table(
    "webhook_attempt",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", ForeignKey(webhook_message.c.id), nullable=False),
    Column("at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("status", Integer),
    Column("error", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default=""),
    Index("ix_webhook_attempt_message_id", "message_id", "id"),
)

COMPLAINT = text("kind = 'complaint'")
"""The predicate of the partial index: complaints, which are few among all feedback."""

WAITING = text("effect = 'waiting'")
"""The predicate of the partial index: feedback that a person has to decide, or has decided."""

feedback = Table(
    "feedback",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String(LONGEST_SOURCE), nullable=False),
    Column("source_id", String(LONGEST_ID), nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", _word(FeedbackKind), nullable=False),
    Column("identity", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("delivery_id", ForeignKey(delivery.c.id)),
    Column("send_id", ForeignKey(send.c.id)),
    Column("status", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("permanent", Boolean, nullable=False),
    Column("delayed", Boolean, nullable=False),
    Column("report_type", String(32), nullable=False),
    Column("words", Text, nullable=False),
    Column("proof", _word(FeedbackProof), nullable=False),
    Column("effect", _word(Effect), nullable=False),
    Column("digest", String(64), nullable=False, server_default=""),
    UniqueConstraint("source", "source_id"),
    Index("ix_feedback_identity", "identity", "id"),
    Index("ix_feedback_send_id", "send_id", "id"),
    Index("ix_feedback_waiting", "id", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_feedback_complaint", "at", "send_id", sqlite_where=COMPLAINT, postgresql_where=COMPLAINT),
    sqlite_autoincrement=True,
)

feedback_decision = Table(
    "feedback_decision",
    metadata,
    Column("feedback_id", ForeignKey(feedback.c.id), primary_key=True),
    Column("action", _word(DecisionAction), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Float, nullable=False),
)

feedback_message = Table(
    "feedback_message",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("at", Float, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("ix_feedback_message_at", "at"),
)

feedback_source = Table(
    "feedback_source",
    metadata,
    Column("source", String(LONGEST_SOURCE), primary_key=True),
    Column("last_at", Float, nullable=False),
    Column("recorded", Integer, nullable=False),
    Column("ignored", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("unreadable", Integer, nullable=False, server_default="0"),
)

provider_token = Table(
    "provider_token",
    metadata,
    Column("source", String(LONGEST_SOURCE), primary_key=True),
    Column("token", String(100), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Index("ix_provider_token_at", "at"),
)
