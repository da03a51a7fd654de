"""What a person can do wrong, or must decide, in one sentence with the next step.

Every foreign exception is translated into one of these where the foreign library is called; the command line prints
the sentence and leaves with `exit_code` (contract 3), the web shows it on a page. A traceback is always a bug of ours.
"""


class MailerError(Exception):
    """The root of all errors that are meant to be read. `message` says what is wrong, `next_step` what to do."""

    exit_code = 2

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class UsageError(MailerError):
    """A wrong argument, file or name: exit 2."""


class SettingsError(MailerError):
    """Settings that are wrong or missing, each named with its variable: exit 2."""


class NeedsConfirmationError(MailerError):
    """Nothing is wrong, but a person must decide, or something else must end first: exit 4."""

    exit_code = 4


class ValidationFailedError(MailerError):
    """A dispatch or a list has errors; `problems` were shown: exit 1."""

    exit_code = 1
