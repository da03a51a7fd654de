"""Columns of other tools' exports that hold a person's status or consent.

SIGNS has the status columns by their exact field name. A word that is not listed has no status, or is UNKNOWN if the column has
no other purpose. Nothing is guessed from the form of a word. The columns and words are from the tools' own sources,
documentation and fixtures; docs/admin.md lists them.

Our own words count in every column called `status`, of any tool.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailer.csv.rows import Status

EMPTY = frozenset({"", "0000-00-00", "0000-00-00 00:00:00", "null", "none", "n/a", "-"})
NO = frozenset(
    {"false", "no", "0", "n", "f", "falsch", "nein", "faux", "non", "falso", "não"}
)  # as spreadsheets translate
YES = frozenset(
    {"true", "yes", "1", "y", "t", "wahr", "ja", "vrai", "oui", "verdadero", "verdadeiro", "vero", "sim", "sí", "sì"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorStatusColumn:
    """The status of each word of a column. `other`: the status of words that are not listed; None, as for `empty`: no status."""

    words: Mapping[str, Status]
    other: Status | None = None
    empty: frozenset[str] = EMPTY

    def parse(self, cell: str) -> Status | None:
        word = cell.strip().casefold()
        return None if word in self.empty else self.words.get(word, self.other)


def _words(status: Status, words: Iterable[str]) -> dict[str, Status]:
    return dict.fromkeys(words, status)


_OURS = {status.value: status for status in Status if status is not Status.UNKNOWN}
_STATUS_WORDS = {
    **_words(
        Status.SUBSCRIBED, ("active", "enabled", "confirmed")
    ),  # beehiiv, Kit; listmonk, of a person and of a list
    **_words(
        Status.UNCONFIRMED,
        ("pending", "validating", "needs approval", "needs_approval", "non-subscribed", "nonsubscribed"),
    ),
    **_words(Status.UNSUBSCRIBED, ("inactive", "cancelled", "canceled", "blocklisted", "blacklisted")),
    **_words(Status.BOUNCED, ("cleaned", "invalid", "undeliverable")),
    **_words(Status.PAUSED, ("disabled",)),  # listmonk: by the admin, not by the person
    **_OURS,
}
STATUS_COLUMN = VendorStatusColumn(words=_STATUS_WORDS, other=Status.UNKNOWN, empty=frozenset({""}))
OWN_STATUS_WORDS = VendorStatusColumn(words=_OURS)

_FILLED_UNSUBSCRIBED = VendorStatusColumn(words=_words(Status.SUBSCRIBED, NO), other=Status.UNSUBSCRIBED)

SIGNS: Mapping[str, VendorStatusColumn] = {
    "unsub_time": _FILLED_UNSUBSCRIBED,  # Mailchimp, unsubscribed_email_audience_export
    "clean_time": VendorStatusColumn(words={}, other=Status.BOUNCED),  # Mailchimp, cleaned_email_audience_export
    "subscribed_to_emails": VendorStatusColumn(  # Ghost
        words={**_words(Status.SUBSCRIBED, YES), **_words(Status.UNSUBSCRIBED, NO)}, other=Status.UNKNOWN
    ),
    "email_disabled": VendorStatusColumn(  # Substack
        words={**_words(Status.UNSUBSCRIBED, YES), **_words(Status.SUBSCRIBED, NO)}, other=Status.UNKNOWN
    ),
    "unsubscribed_at": _FILLED_UNSUBSCRIBED,  # beehiiv
    "unsubscription_date": _FILLED_UNSUBSCRIBED,  # Buttondown
    "type": VendorStatusColumn(  # Buttondown; its `paused` is about paying
        words={
            **_words(Status.UNCONFIRMED, ("unactivated",)),
            **_words(Status.UNSUBSCRIBED, ("unsubscribed", "removed")),
            **_words(Status.BOUNCED, ("undeliverable",)),
            **_words(Status.COMPLAINED, ("complained",)),
            **_words(Status.PAUSED, ("spammy", "blocked")),
        }
    ),
    "state": VendorStatusColumn(  # Kit; its `inactive` has not confirmed
        words={
            **_words(Status.UNCONFIRMED, ("inactive", "unconfirmed")),
            **_words(Status.UNSUBSCRIBED, ("cancelled", "canceled", "unsubscribed")),
            **_words(Status.BOUNCED, ("bounced",)),
            **_words(Status.COMPLAINED, ("complained",)),
        }
    ),
    "is_this_subscriber_confirmed": VendorStatusColumn(words=_words(Status.UNCONFIRMED, NO)),  # phpList
    "is_this_subscriber_blacklisted": _FILLED_UNSUBSCRIBED,  # phpList
    "is_this_account_disabled": VendorStatusColumn(words=_words(Status.PAUSED, YES)),  # phpList
    "subscribed": VendorStatusColumn(words=_words(Status.UNSUBSCRIBED, NO)),  # true or false, but maybe a date
    "unsubscribed": _FILLED_UNSUBSCRIBED,
}

CONSENT: Mapping[str, tuple[str, ...]] = {  # our name: the names of the tools, the more precise first
    "opted_in_at": (
        "optin_time",
        "opt_in_time",
        "opted_in_at",
        "subscribed_at",
        "subscription_date",
        "created_at",
        "creation_date",
    ),
    "opted_in_ip": ("optin_ip", "opt_in_ip", "ip_address", "signup_ip"),
    "confirmed_at": ("confirm_time", "confirmed_at", "confirmation_date"),
    "confirmed_ip": ("confirm_ip", "confirmed_ip"),
    "source": ("acquisition_source", "source", "utm_source", "referrer", "referrer_url", "referring_site"),
}
