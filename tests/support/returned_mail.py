"""Messages that were sent to a few readers, and what comes back from them.

sent = SentMail(app)
tide = sent.send("tide", "ana@example.com", "ben@example.net")     accepted deliveries, by address
bounce(tide["ana@example.com"], "5.1.1")               the bytes of a notification about it
"""

from dataclasses import dataclass

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.states import DeliveryState, SendKind
from mailer.ledger.types.sends import Recipient, Repeat
from mailer.mime.composer import MessageTokens
from mailer.smtp.reply_parser import Reply
from tests.support.feedback_messages import block, dsn, report
from tests.support.ledger_cases import deliver, new_send, run, session


@dataclass(frozen=True)
class SentMessage:
    delivery_id: int
    send_id: int
    address: str
    tokens: MessageTokens

    @property
    def returned(self) -> str:
        """The headers of the message, as a server returns them."""
        return f"text/rfc822-headers\n\n{self.headers}\n\n"

    @property
    def headers(self) -> str:
        return (
            f"From: News <news@example.org>\nTo: {self.address}\nSubject: Tide\nMessage-ID: {self.message_id}\n"
            f"List-Unsubscribe: <https://news.example.org/u/{self.tokens.unsubscribe}>"
        )

    @property
    def message_id(self) -> str:
        return f"<{self.tokens.message}@example.org>"

    @property
    def return_path(self) -> str:
        return f"bounces+{self.tokens.bounce}@example.org"


class SentMail:
    def __init__(self, app: App) -> None:
        self.app = app

    def messages(self, send_id: int) -> dict[str, SentMessage]:
        """The messages of a send, by address."""
        issue = self.app.message_tokens(self.app.ledger.sends.get(send_id).key_name)
        return {
            row.email: SentMessage(
                delivery_id=row.delivery_id, send_id=send_id, address=row.email, tokens=issue(row.delivery_id)
            )
            for row in self.app.ledger.report.rows(send_id)
        }

    def send(
        self,
        slug: str,
        *addresses: str,
        kind: SendKind = SendKind.DISPATCH,
        replies: tuple[str, ...] = ("queued",),
        state: DeliveryState = DeliveryState.ACCEPTED,
    ) -> dict[str, SentMessage]:
        """Sends to `addresses`, with one of `replies` for each in turn."""
        ledger, key = self.app.ledger, self.app.keys.names[0]
        people = [parse_address(address) for address in addresses]
        new = [Recipient(identity=each.identity, address=each.envelope, fields={}) for each in people]
        made = ledger.creator.create(new_send(slug, key_name=key, kind=kind, repeat=Repeat.AGAIN), iter(new))
        with session(ledger, made) as mine:
            for number in range(len(new)):
                text = replies[number % len(replies)]
                run(deliver(mine, self.app.clock(), state, reply=Reply(code=250, text=text)))
        return self.messages(made.id)


def bounce(
    message: SentMessage,
    status: str,
    words: str = "",
    *,
    action: str = "failed",
    address: str = "",
    to: str | None = None,
) -> bytes:
    """A notification about a message, to its return path and with its headers. `to`: another recipient of the notification."""
    about = block(status, words, action=action, address=address or message.address)
    raw = dsn(about, returned=message.returned)
    return raw.replace(b"To: bounce@example.org", f"To: {to or message.return_path}".encode(), 1)


def complaint(message: SentMessage, kind: str = "abuse") -> bytes:
    return report(kind, f"Original-Rcpt-To: {message.address}", returned=message.returned)
