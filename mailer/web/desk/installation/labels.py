"""The sections of the settings, and for each setting its label, kind of field and hint, in the words of the desk.

A test compares the settings here with those of `service/installation/editable.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """How a setting is entered."""

    LINE = "line"
    LINES = "lines"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class SettingLabel:
    """`choices`: the words for each value, of a CHOICE."""

    label: str
    kind: FieldKind = FieldKind.LINE
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SettingSection:
    """A part of the page, with its own form."""

    id: str
    title: str
    fields: Mapping[str, SettingLabel]


_L, _K = SettingLabel, FieldKind
SECTIONS = (
    SettingSection(
        "sender",
        "Sender",
        {
            "MAILER_FROM": _L("From", hint="Name and address, such as: The Harbour Letter <letter@example.org>"),
            "MAILER_REPLY_TO": _L("Replies go to", hint="Empty: to the sender."),
            "MAILER_PUBLICATION": _L("Name of the newsletter", hint="Empty: the name of the sender."),
            "MAILER_POSTAL_ADDRESS": _L(
                "Postal address", _K.LINES, "At the foot of each message. The laws of many countries require one."
            ),
            "MAILER_COPYRIGHT_HOLDER": _L("Copyright holder", hint="For dispatches that name none."),
            "MAILER_LANGUAGE": _L("Language", hint="Of dispatches that name none: en, de, pt-BR …"),
            "MAILER_TIMEZONE": _L(
                "Time zone", hint="Of the times that you type and see, such as Europe/Lisbon. Empty: UTC."
            ),
        },
    ),
    SettingSection(
        "pace",
        "Speed and retries",
        {
            "MAILER_CONNECTIONS": _L("Connections to the mail server", _K.NUMBER),
            "MAILER_RATE": _L("Most messages", hint="A second, or as in 500/hour or 10000/day. Empty: no limit."),
            "MAILER_MESSAGES_PER_CONNECTION": _L("Messages on one connection", _K.NUMBER, "Empty: no limit."),
            "MAILER_DOMAIN_CONNECTIONS": _L(
                "Messages under way to one domain", hint='Such as {"*": 4, "example.com": 2}; "*" is any other domain.'
            ),
            "MAILER_DOMAIN_RATE": _L(
                "Messages a second to one domain", hint='Such as {"*": 10, "example.com": "500/hour"}.'
            ),
            "MAILER_WARMUP": _L(
                "Warm-up of a new address",
                hint="The most messages on the first day, the second and so on: 200,500,1000",
            ),
            "MAILER_RETRY": _L("Seconds before each retry", hint="The last one repeats."),
            "MAILER_RETRY_FOR": _L("Seconds after which retries end", _K.NUMBER),
            "MAILER_SCHEDULE_GRACE": _L(
                "Seconds that a scheduled send may be late", _K.NUMBER, "After them it waits for an editor."
            ),
            "MAILER_HELO": _L(
                "Name of this machine for mail servers", hint="Its full name in DNS. Empty: as the system has it."
            ),
        },
    ),
    SettingSection(
        "sending",
        "Sending and messages",
        {
            "MAILER_APPROVAL": _L("A second editor must approve each dispatch", _K.FLAG),
            "MAILER_ON_UNCERTAIN": _L(
                "When a connection breaks at the end of a message",
                _K.CHOICE,
                choices=(("hold", "an editor decides"), ("resend", "it is sent once more")),
            ),
            "MAILER_IMAGES": _L(
                "Photos",
                _K.CHOICE,
                choices=(("link", "are loaded from your site"), ("embed", "are part of each message")),
            ),
            "MAILER_CLIENTS": _L("Mail programs to check for", hint="By their names at caniemail.com."),
            "MAILER_8BIT": _L("Send 8-bit text where the mail server offers it", _K.FLAG, "Rarely useful."),
            "MAILER_SEARCH_ENGINES": _L("Search engines may list the archive", _K.FLAG),
        },
    ),
    SettingSection(
        "bounces",
        "Bounces and unsubscribing by mail",
        {
            "MAILER_BOUNCE_ADDRESS": _L(
                "Bounces go to", hint="The mailbox must take addresses with “+”, such as bounces+x@…"
            ),
            "MAILER_UNSUBSCRIBE_ADDRESS": _L("Unsubscribe requests go to"),
            "MAILER_BOUNCE_COUNT": _L("Bounces that block an address", _K.NUMBER, "For example of a full mailbox."),
            "MAILER_BOUNCE_SENDS": _L("Of the last days with a send", _K.NUMBER),
            "MAILER_BOUNCE_DAYS": _L("Over at least this number of days", _K.NUMBER),
            "MAILER_BOUNCE_RESET": _L("Hours without a bounce that end the series", _K.NUMBER),
            "MAILER_BOUNCE_WARN": _L("Bounces about you in a row that warn", _K.NUMBER),
            "MAILER_BOUNCE_HOLD": _L(
                "Missing readers of one domain in a row that wait for you",
                _K.NUMBER,
                "More may be a fault of the domain. 0: they never wait.",
            ),
            "MAILER_FEEDBACK_DAYS": _L("Days that a returned message is kept", _K.NUMBER),
        },
    ),
)
RELAY_LABEL = "Mail server"
SERVER_LABELS: Mapping[str, str] = {
    "MAILER_BASE_URL": "Public address",
    "MAILER_DATABASE_URL": "Database",
    "MAILER_SECRET_KEYS": "Secret keys",
    "MAILER_ALLOW_PLAINTEXT": "Unencrypted connections",
    "MAILER_TRUSTED_PROXIES": "Web servers in front",
    "MAILER_WEBHOOK_NETWORKS": "Own networks for webhooks",
    "MAILER_OIDC_ISSUER": "Identity provider",
    "MAILER_DKIM_DOMAIN": "Signature of messages (DKIM)",
    "MAILER_INBOUND_LMTP": "Mailboxes for bounces",
    "MAILER_FEEDBACK_SES": "Reports of the mail provider",
}
"""What only the person who runs the server sets, a label for each group."""


def label_of(name: str) -> str:
    """Returns the label of a setting, for the activity log and lists of changes."""
    if name == "MAILER_RELAY":
        return RELAY_LABEL
    found = (section.fields[name].label for section in SECTIONS if name in section.fields)
    return next(found, SERVER_LABELS.get(name, "A setting of the server"))
