"""Which settings an admin may change from a browser, and why not the others.

An admin of the desk is somebody with a password, and a session that somebody may have stolen; whoever can change `.env` in a
terminal owns the machine. So what an admin changes must not reach beyond the newsletter: it must not run a command, open a
file, make the server talk to hosts of its own network, send the secrets of the server elsewhere, or decide who may sign in.
"""

from collections.abc import Mapping

EDITABLE = (
    "MAILER_FROM",
    "MAILER_REPLY_TO",
    "MAILER_PUBLICATION",
    "MAILER_POSTAL_ADDRESS",
    "MAILER_COPYRIGHT_HOLDER",
    "MAILER_LANGUAGE",
    "MAILER_TIMEZONE",
    "MAILER_SEARCH_ENGINES",
    "MAILER_CONNECTIONS",
    "MAILER_RATE",
    "MAILER_DOMAIN_CONNECTIONS",
    "MAILER_DOMAIN_RATE",
    "MAILER_MESSAGES_PER_CONNECTION",
    "MAILER_WARMUP",
    "MAILER_RETRY",
    "MAILER_RETRY_FOR",
    "MAILER_SCHEDULE_GRACE",
    "MAILER_HELO",
    "MAILER_ON_UNCERTAIN",
    "MAILER_APPROVAL",
    "MAILER_IMAGES",
    "MAILER_CLIENTS",
    "MAILER_8BIT",
    "MAILER_BOUNCE_ADDRESS",
    "MAILER_UNSUBSCRIBE_ADDRESS",
    "MAILER_BOUNCE_COUNT",
    "MAILER_BOUNCE_SENDS",
    "MAILER_BOUNCE_DAYS",
    "MAILER_BOUNCE_RESET",
    "MAILER_BOUNCE_WARN",
    "MAILER_BOUNCE_HOLD",
    "MAILER_FEEDBACK_DAYS",
)
"""Settings that only change what the newsletter says, and when and how fast it is sent."""

RELAY = "MAILER_RELAY"
"""The relay may be changed, within the rules of `relay_entry.py`."""

_LINKS = "All links lead there, also those that sign in users, and the desk answers there alone: a wrong one locks everybody out."
_ACCESS = "It decides who may sign in."
_NETWORK = "It decides to which hosts of its own network the server may talk, or whom it believes."
_FILES = "It names files of the server."
_PROOFS = "It proves which reports of the mail provider are real; these block readers."
SERVER_ONLY: Mapping[str, str] = {
    "MAILER_BASE_URL": _LINKS,
    "MAILER_SECRET_KEYS": "The links in all messages that were ever sent depend on them.",
    "MAILER_DATABASE_URL": "Another database has other users, and no record of what was sent.",
    "MAILER_ALLOW_PLAINTEXT": "Mail and passwords would cross networks unencrypted.",
    "MAILER_TRUSTED_PROXIES": _NETWORK,
    "MAILER_WEBHOOK_NETWORKS": _NETWORK,
    "MAILER_OIDC_ISSUER": _ACCESS,
    "MAILER_OIDC_CLIENT_ID": _ACCESS,
    "MAILER_OIDC_CLIENT_SECRET": _ACCESS,
    "MAILER_OIDC_NAME": _ACCESS,
    "MAILER_OIDC_CLAIM": _ACCESS,
    "MAILER_OIDC_ONLY": _ACCESS,
    "MAILER_INBOUND_LMTP": _NETWORK,
    "MAILER_INBOUND_IMAP": _NETWORK,
    "MAILER_INBOUND_IMAP_TOKEN": "It is a command that the server runs.",
    "MAILER_INBOUND_MAILDIR": _FILES,
    "MAILER_INBOUND_FOLDER": _FILES,
    "MAILER_INBOUND_EVERY": _NETWORK,
    "MAILER_FEEDBACK_SES": _PROOFS,
    "MAILER_FEEDBACK_MAILGUN": _PROOFS,
    "MAILER_FEEDBACK_SENDGRID": _PROOFS,
    "MAILER_FEEDBACK_POSTMARK": _PROOFS,
    "MAILER_FEEDBACK_BREVO": _PROOFS,
    "MAILER_FEEDBACK_MAILJET": _PROOFS,
    "MAILER_FEEDBACK_SPARKPOST": _PROOFS,
    "MAILER_FEEDBACK_RESEND": _PROOFS,
    "MAILER_FEEDBACK_POSTAL": _PROOFS,
    "MAILER_DKIM_DOMAIN": _FILES,
    "MAILER_DKIM_SELECTOR": _FILES,
    "MAILER_DKIM_KEY": _FILES,
    "MAILER_DKIM_ED25519_SELECTOR": _FILES,
    "MAILER_DKIM_ED25519_KEY": _FILES,
    "MAILER_QUEUE": "Several machines must agree on it.",
    "MAILER_SHARD_SIZE": "Several machines must agree on it.",
}
"""Settings that only the person who runs the server changes, each with the reason."""
