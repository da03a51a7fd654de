"""Columns of other tools' exports that hold a person's status or consent.

SIGNS has the status columns by their exact field name. A word that is not listed has no status, or is UNKNOWN if the column has
no other purpose. Nothing is guessed from the form of a word, but a date is recognised. The columns and words are from the tools'
own sources, documentation and fixtures; docs/admin.md lists them. Other columns that may record an opt-out are found by
suspected_opt_outs.py.

Our own words count in every column called `status`, of any tool.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailer.csv.rows import Status

EMPTY = frozenset({"", "0000-00-00", "0000-00-00 00:00:00", "null", "none", "n/a", "-"})
NO = frozenset(  # as spreadsheets translate
    {
        "false",
        "no",
        "0",
        "n",
        "f",
        "off",
        "falsch",
        "nein",
        "faux",
        "non",
        "falso",
        "não",
        "nao",
        "לא",
        "لا",
        "خطأ",
        "nee",
    }
    | {"nej", "nei", "ei", "nie", "ne", "нет", "ні"}
)
YES = frozenset(
    {
        "true",
        "yes",
        "1",
        "y",
        "t",
        "on",
        "x",
        "wahr",
        "ja",
        "vrai",
        "oui",
        "verdadero",
        "verdadeiro",
        "vero",
        "sim",
        "sí",
        "sì",
    }
    | {"si", "כן", "نعم", "صحيح", "kyllä", "tak", "ano", "да", "так"}
)
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)  # blanks without width, marks of direction
_BOTH_GENDERS = re.compile(r"(?<=\w{4})(?:\(e\)|·e|/e|/a|\(a\))$")  # désabonné(e), descadastrado/a
_DATE = re.compile(  # also with a month in words, and Unix time
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?!\d)|.*\b(?:19|20)\d\d\b|\d{9,13}\Z"
)


def normalize_word(cell: str) -> str:
    """Returns a cell as the words of this module are written: in lower case, composed, and without invisible characters."""
    word = cell.strip().casefold()
    if not word.isascii():
        word = unicodedata.normalize("NFKC", _INVISIBLE.sub("", word)).strip()
    return _BOTH_GENDERS.sub("", word)


_PLACES = (  # that a column `State` of an American or Australian list contains
    "al,ak,az,ar,ca,co,ct,de,fl,ga,hi,id,il,in,ia,ks,ky,la,me,md,ma,mi,mn,ms,mo,mt,ne,nv,nh,nj,nm,ny,nc,nd,oh,ok,or,pa,ri,sc,sd,"
    "tn,tx,ut,vt,va,wa,wv,wi,wy,dc,pr,nsw,vic,qld,sa,tas,act,nt,alabama,alaska,arizona,arkansas,california,colorado,connecticut,"
    "delaware,florida,georgia,hawaii,idaho,illinois,indiana,iowa,kansas,kentucky,louisiana,maine,maryland,massachusetts,michigan,"
    "minnesota,mississippi,missouri,montana,nebraska,nevada,new hampshire,new jersey,new mexico,new york,north carolina,"
    "north dakota,ohio,oklahoma,oregon,pennsylvania,rhode island,south carolina,south dakota,tennessee,texas,utah,vermont,"
    "virginia,washington,west virginia,wisconsin,wyoming,district of columbia,puerto rico,new south wales,victoria,queensland,"
    "western australia,south australia,tasmania"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorStatusColumn:
    """The status of each word of a column. `date`, `other`: the status of a date, and of other words that are not listed; None,
    as for `empty`: no status. `is_ambiguous`: a column of this name may have nothing to do with mail.
    """

    words: Mapping[str, Status]
    date: Status | None = None
    other: Status | None = None
    empty: frozenset[str] = EMPTY
    is_ambiguous: bool = False

    def parse(self, cell: str) -> Status | None:
        word = normalize_word(cell)
        if word in self.empty:
            return None
        if self.date is not None and _DATE.match(word):
            return self.date
        return self.words.get(word, self.other)


def _words(status: Status, words: Iterable[str]) -> dict[str, Status]:
    return dict.fromkeys(words, status)


_OURS = {status.value: status for status in Status if status is not Status.UNKNOWN}
_STATUS_WORDS = {
    **_words(  # beehiiv, Kit; listmonk, of a person and of a list; Constant Contact
        Status.SUBSCRIBED,
        (
            "active", "enabled", "confirmed", "express", "implied", "opted in", "opted-in", "opted_in",
            "aktiv", "angemeldet", "abonniert", "bestätigt", "actif", "abonné", "abonnée", "inscrit", "inscrite",
            "activo", "activa", "suscrito", "suscrita", "confirmado", "confirmada", "ativo", "ativa", "inscrito", "inscrita",
            "attivo", "attiva", "iscritto", "iscritta", "actief", "ingeschreven", "פעיל", "פעילה", "רשום", "רשומה",
            "מנוי", "מנויה", "نشط", "مشترك",
        ),
    ),
    **_words(Status.UNCONFIRMED, (
        "pending", "validating", "needs approval", "needs_approval", "non-subscribed", "nonsubscribed", "not subscribed",
        "not_subscribed", "never subscribed", "never_subscribed", "awaiting confirmation",
    )),
    **_words(Status.UNSUBSCRIBED, (
        "inactive", "cancelled", "canceled", "blocklisted", "blacklisted", "deleted", "removed", "unsubscribe", "suppressed",
        "opted out", "opted-out", "opted_out", "opt out", "opt-out", "optout", "optedout",
        "do not email", "do not mail", "do not contact", "do_not_email", "do_not_mail", "do_not_contact",
        "abgemeldet", "abbestellt", "inaktiv", "désabonné", "désabonnée", "désinscrit", "désinscrite",
        "dado de baja", "dada de baja", "de baja", "baja", "desuscrito", "descadastrado", "descadastrada", "cancelado",
        "cancelada", "disiscritto", "disiscritta", "uitgeschreven", "afgemeld",
        "inactif", "non abonné", "inactivo", "inactiva", "no suscrito", "inativo", "inativa", "inattivo", "inattiva",
        "nicht angemeldet", "nicht anschreiben", "keine mails", "keine e-mails", "kein newsletter", "no mail", "no email",
        "no emails", "no newsletter", "ne pas envoyer", "ne plus envoyer", "no enviar", "não enviar", "não contatar",
        "non inviare", "отписан", "отписана", "הוסר", "הוסרה", "לא מנוי", "לא פעיל", "לא פעילה", "לא לשלוח",
        "ملغي", "غير نشط", "ملغى", "ألغى الاشتراك", "غير مشترك",
    )),
    **_words(Status.BOUNCED, (
        "cleaned", "invalid", "undeliverable", "hard bounced", "hard bounce", "hard_bounce", "hard_bounced", "unzustellbar",
    )),
    **_words(Status.COMPLAINED, ("complaint", "spam", "spam complaint", "marked as spam", "abuse")),
    **_words(Status.PAUSED, ("disabled",)),  # listmonk: by the admin, not by the person
    **_OURS,
}  # fmt: skip
OPT_OUT_WORDS = frozenset(word for word, status in _STATUS_WORDS.items() if status.is_opt_out)
STATUS_COLUMN = VendorStatusColumn(words=_STATUS_WORDS, other=Status.UNKNOWN, empty=frozenset({""}))
OWN_STATUS_WORDS = VendorStatusColumn(words=_OURS)

_FILLED_UNSUBSCRIBED = VendorStatusColumn(words=_words(Status.SUBSCRIBED, NO), other=Status.UNSUBSCRIBED)
_OPT_IN = VendorStatusColumn(
    words={**_STATUS_WORDS, **_words(Status.SUBSCRIBED, YES), **_words(Status.UNSUBSCRIBED, NO)},
    date=Status.SUBSCRIBED,
    other=Status.UNKNOWN,
    is_ambiguous=True,
)


def _opt_out(status: Status) -> VendorStatusColumn:
    """Returns a column in which a yes or a date means `status`; any other word is unknown."""
    words = {**_STATUS_WORDS, **_words(Status.SUBSCRIBED, NO), **_words(status, YES)}
    return VendorStatusColumn(words=words, date=status, other=Status.UNKNOWN, is_ambiguous=True)


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
            **_words(
                Status.SUBSCRIBED,
                ("regular", "premium", "gifted", "trialed", "churning", "churned", "past_due", "paused"),
            ),
            **_words(Status.UNCONFIRMED, ("unactivated", "unpaid", "upcoming")),
            **_words(Status.UNSUBSCRIBED, ("unsubscribed", "removed")),
            **_words(Status.BOUNCED, ("undeliverable",)),
            **_words(Status.COMPLAINED, ("complained",)),
            **_words(Status.PAUSED, ("spammy", "blocked")),
        },
        other=Status.UNKNOWN,
        is_ambiguous=True,
    ),
    "state": VendorStatusColumn(  # Kit; its `inactive` has not confirmed
        words={
            **_words(Status.SUBSCRIBED, ("active",)),
            **_words(Status.UNCONFIRMED, ("inactive", "unconfirmed")),
            **_words(Status.UNSUBSCRIBED, ("cancelled", "canceled", "unsubscribed")),
            **_words(Status.BOUNCED, ("bounced",)),
            **_words(Status.COMPLAINED, ("complained",)),
        },
        other=Status.UNKNOWN,
        empty=EMPTY.union(_PLACES.split(",")),
        is_ambiguous=True,
    ),
    "is_this_subscriber_confirmed": VendorStatusColumn(words=_words(Status.UNCONFIRMED, NO)),  # phpList
    "is_this_subscriber_blacklisted": _FILLED_UNSUBSCRIBED,  # phpList
    "is_this_account_disabled": VendorStatusColumn(words=_words(Status.PAUSED, YES)),  # phpList
    "delivery_status": VendorStatusColumn(  # Mailman 3; but a shop has one, too
        words={
            **_STATUS_WORDS,
            **_words(Status.PAUSED, ("by_user", "by_moderator", "unknown")),
            **_words(Status.BOUNCED, ("by_bounces",)),
        }
    ),
    "subscribed": _OPT_IN,  # true or false, but maybe a date
    "unsubscribed": _FILLED_UNSUBSCRIBED,
    "email_status": VendorStatusColumn(  # Constant Contact; but programs that check addresses have one, too
        words=_STATUS_WORDS, other=Status.UNKNOWN, is_ambiguous=True
    ),
    **dict.fromkeys(
        (
            "email_permission_status",  # Constant Contact
            "list_status",  # MailPoet
            "global_status",  # MailPoet
            "email_subscriber_status",  # Wix
            "email_marketing_consent",  # Klaviyo
            "email_marketing_status",  # Shopify
            "email_consent",  # Klaviyo
        ),
        STATUS_COLUMN,
    ),
    **dict.fromkeys(
        (
            "accepts_marketing",  # Shopify, Squarespace
            "accepts_email_marketing",  # Shopify
            "opt_in",
            "optin",
            "opted_in",
            "email_opt_in",
            "newsletter_opt_in",
        ),
        _OPT_IN,
    ),
    **dict.fromkeys(
        (
            "email_opt_out",  # Salesforce, Zoho
            "has_opted_out_of_email",  # Salesforce
            "hasoptedoutofemail",  # Salesforce
            "unsubscribed_from_all_email",  # HubSpot
            "opt_out",
            "optout",
            "opted_out",
            "opted_out_at",
            "opt_out_date",
            "optout_time",
            "unsubscribe",
            "unsubscribe_date",
            "unsubscribed_on",
            "date_unsubscribed",
            "do_not_email",
            "do_not_mail",
            "do_not_contact",
            "blacklisted",  # Brevo
            "email_blacklisted",  # Brevo
            "blocklisted",
            "abgemeldet",
            "abgemeldet_am",
            "désabonné",
            "désinscrit",
        ),
        _opt_out(Status.UNSUBSCRIBED),
    ),
    **dict.fromkeys(("bounced", "hard_bounced", "bounced_at", "hard_bounce"), _opt_out(Status.BOUNCED)),
    **dict.fromkeys(("complained", "complained_at", "marked_as_spam", "spam_complaint"), _opt_out(Status.COMPLAINED)),
}

FIELDS = frozenset(  # known columns that say nothing of mail, although their names may sound like it
    {
        "active_subscription",  # Substack: about payment
        "did_this_subscriber_manually_confirm",  # phpList
        "send_this_subscriber_html_emails",  # phpList
        "number_of_bounces",  # phpList, whose blacklist counts
    }
)

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
