"""The composition root: one workspace, its settings, and the objects made from them.

Everything is made, and imported (PLC0415), when it is first used, so that a command that needs no ledger neither loads nor
opens one. `close` (or `with`) ends the ledger's writer. Raises SettingsError, UsageError and LedgerError, whose messages are
for people.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mailer.errors import SettingsError
from mailer.settings.settings import Settings, load_settings
from mailer.workspace import Workspace

if TYPE_CHECKING:
    from mailer.delivery.warmup import WarmUp
    from mailer.edition.publication import Publication
    from mailer.ledger.ledger import Ledger
    from mailer.link_tokens import TokenKeys
    from mailer.mime.composer import MessageTokens, SenderProfile
    from mailer.mime.dkim.keys import DkimConfig

Clock = Callable[[], float]

_MAX_NAMED = 3  # files in a warning
_log = logging.getLogger(__name__)


def _name_some(paths: Sequence[Path]) -> str:
    rest = len(paths) - _MAX_NAMED
    return ", ".join(map(str, paths[:_MAX_NAMED])) + (f" and {rest} more" if rest > 0 else "")


class App:
    """One open workspace. `clock` returns seconds since the epoch, UTC."""

    def __init__(self, workspace: Workspace, settings: Settings, clock: Clock = time.time) -> None:
        self.workspace = workspace
        self.settings = settings
        self.clock = clock
        self.accept_restored = False  # the command accepts a restored database before it writes anything else
        self.is_worker = False  # the command has no workspace: it uses the database of one

    @classmethod
    def open(cls, folder: Path, clock: Clock = time.time) -> "App":
        """Opens the workspace in `folder`, with the settings of its `.env` and the environment. Raises SettingsError.

        Files that hold readers or secrets are made private; a warning names those that were not.
        """
        workspace = Workspace(folder)
        app = cls(workspace, load_settings(workspace.root), clock)
        changed, readable = workspace.make_private(app._database_file)
        if changed:
            _log.warning("Only you can read %s from now on.", _name_some(changed))
        if readable:
            _log.warning(
                "Other users of this machine can read %s, and the owner is another user. "
                "As root, make the user who runs mailer the owner: chown USER FILE",
                _name_some(readable),
            )
        return app

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the ledger, if it is open."""
        if "ledger" in self.__dict__:
            self.ledger.close()
            del self.__dict__["ledger"]

    @property
    def has_ledger(self) -> bool:
        """Whether the database exists; a command that only reads does not create it."""
        return "ledger" in self.__dict__ or self._database_file is None or self._database_file.exists()

    @property
    def _database_file(self) -> Path | None:
        """The file of the database; None for PostgreSQL."""
        path = self.settings.database_url.get_secret_value().partition("sqlite:///")[2]
        return Path(path) if path else None

    @cached_property
    def ledger(self) -> "Ledger":
        """The database, opened and migrated. Raises SettingsError if it names a secret key that the settings lack."""
        from mailer.ledger.ledger import open_ledger  # noqa: PLC0415 - SQLAlchemy, only where a ledger is needed
        from mailer.malloc import limit_arenas  # noqa: PLC0415 - used with the ledger only

        limit_arenas()  # before the ledger starts its threads
        url = self.settings.database_url.get_secret_value()
        ledger = open_ledger(
            url,
            self.workspace.ensure_state_dir(),
            clock=self.clock,
            accept_restored=self.accept_restored,
            is_worker=self.is_worker,
            warmup=self.warmup,
            shard_size=self.settings.shard_size,
        )
        for named, use in (
            (ledger.editions.key_names(), "which links in messages already sent need"),
            (ledger.webhooks.key_names(), "which the secrets of webhooks need"),
            (ledger.two_factor.key_names(), "which two-factor sign-in of users of the desk needs"),
        ):
            lacking = sorted(named - set(self.keys.names))
            if lacking:
                ledger.close()
                raise SettingsError(
                    f"MAILER_SECRET_KEYS lacks the key with the fingerprint {lacking[0]}, {use}.",
                    "Add it again, after the first key.",
                )
        return ledger

    @contextmanager
    def readonly_ledger(self) -> "Iterator[Ledger]":
        """Yields the ledger, or a temporary empty one if there is none yet: for a command that records nothing."""
        if self.has_ledger:
            yield self.ledger
            return
        from mailer.ledger.ledger import open_ledger  # noqa: PLC0415 - loaded when first used

        with (
            TemporaryDirectory(prefix="mailer-") as folder,
            open_ledger("sqlite:///mailer.db", Path(folder) / ".mailer", clock=self.clock) as ledger,
        ):
            yield ledger

    @cached_property
    def warmup(self) -> "WarmUp":
        """The warm-up plan. It belongs to the sender's domain at these relays: another domain or relay starts a new plan."""
        from mailer.delivery.warmup import WarmUp  # noqa: PLC0415 - loaded when first used

        hosts = sorted({relay.host for relay in self.settings.relay})
        sender = f"{self.settings.sender.domain} by {', '.join(hosts)}"
        return WarmUp(plan=self.settings.warmup, zone=self.settings.timezone, sender=sender)

    @cached_property
    def keys(self) -> "TokenKeys":
        from mailer.link_tokens import TokenKeys  # noqa: PLC0415 - cryptography, only where tokens are needed

        return TokenKeys([key.get_secret_value() for key in self.settings.secret_keys])

    @cached_property
    def publication(self) -> "Publication":
        from mailer.edition.publication import Publication  # noqa: PLC0415 - loaded when first used

        return Publication(
            name=self.settings.publication,
            from_name=self.settings.sender.name,
            from_address=self.settings.sender.address,
            base_url=self.settings.base_url,
            postal_address=self.settings.postal_address,
            copyright_holder=self.settings.copyright_holder,
            language=self.settings.language,
            images=self.settings.images.value,
            reply_to=self.settings.reply_to.address if self.settings.reply_to else "",
        )

    @cached_property
    def sender_profile(self) -> "SenderProfile":
        from mailer.mime.composer import SenderProfile  # noqa: PLC0415 - loaded when first used
        from mailer.mime.provider_headers import PROVIDERS  # noqa: PLC0415 - loaded when first used

        settings = self.settings
        return SenderProfile(
            sender_name=settings.sender.name,
            sender_address=settings.sender.address,
            publication=settings.publication,
            base_url=settings.base_url.rstrip("/"),
            reply_to=settings.reply_to.address if settings.reply_to else "",
            reply_to_name=settings.reply_to.name if settings.reply_to else "",
            bounce_address=settings.bounce_address.address if settings.bounce_address else "",
            unsubscribe_address=settings.unsubscribe_address.address if settings.unsubscribe_address else "",
            signers=self.signing.signers,
            providers=tuple(name for name in PROVIDERS if settings.feedback_secrets(name)),
        )

    def sender_profile_of(self, frozen: str | None) -> "SenderProfile":
        """Returns the sender profile that was frozen with a send; that of the settings for a send without one."""
        from mailer.mime.composer import SenderProfile  # noqa: PLC0415 - loaded when first used

        return self.sender_profile if frozen is None else SenderProfile.from_json(frozen, self.signing.signers)

    @cached_property
    def signing(self) -> "DkimConfig":
        """The DKIM keys that sign each message, read from their files; none where none is set. Raises SettingsError."""
        from mailer.mime.dkim.keys import load_signing  # noqa: PLC0415 - loaded when first used

        return load_signing(self.settings)

    @cached_property
    def worker_requirements(self) -> dict[str, str]:
        """What a worker must have in common with the process that hands a send over, by name; secrets as digests.

        It decides what a message is, who may get it twice, and which limits hold for all.
        """
        settings = self.settings
        keys = [
            f"{signer.domain} {signer.selector} {hashlib.sha256(signer.key.public()).hexdigest()}"
            for signer in self.signing.signers
        ]
        named = (
            "rate",
            "connections",
            "domain_rate",
            "domain_connections",
            "warmup",
            "retry",
            "retry_for",
            "on_uncertain",
        )
        return {
            "its relays": _digest(sorted(f"{relay.tls} {relay}" for relay in settings.relay)),
            "its DKIM keys": _digest(keys),
            "MAILER_8BIT": str(settings.eight_bit),
            "MAILER_TIMEZONE": str(settings.timezone),
            **{f"MAILER_{name.upper()}": str(getattr(settings, name)) for name in named},
        }

    def message_tokens(self, key_name: str, *, inert: bool = False) -> "Callable[[int], MessageTokens]":
        """Returns a function that makes the tokens of a delivery, under the key of its send. `inert`: with placeholder links."""
        from mailer.link_tokens import PLACEHOLDER, Purpose  # noqa: PLC0415 - loaded when first used
        from mailer.mime.composer import MessageTokens  # noqa: PLC0415 - loaded when first used

        issue = self.keys.signing_with(key_name).issue

        def tokens_for(delivery_id: int) -> MessageTokens:
            return MessageTokens(
                unsubscribe=PLACEHOLDER if inert else issue(Purpose.UNSUBSCRIBE, delivery_id),
                bounce=issue(Purpose.BOUNCE, delivery_id),
                message=issue(Purpose.MESSAGE_ID, delivery_id),
            )

        return tokens_for


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
