"""Errors for people: one sentence, and the next step.

Exceptions of libraries are translated into one of these where the library is called. The command line prints the sentence and
exits with `exit_code` (docs/json.md); the web shows it on a page. A traceback is always a bug of ours.
"""


class MailerError(Exception):
    """The base of all errors for people. `message`: what is wrong; `next_step`: what to do."""

    exit_code = 2

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        separator = "\n" if "\n" in self.message else " "
        return f"{self.message}{separator}{self.next_step}".strip()


class UsageError(MailerError):
    """An invalid argument, file or name: exit 2."""


class SettingsError(MailerError):
    """Invalid or missing settings, each with its variable: exit 2."""


class NeedsConfirmationError(MailerError):
    """A person must decide, or something else must end first: exit 4."""

    exit_code = 4


class ValidationFailedError(MailerError):
    """A dispatch or a list has errors; `problems` were shown: exit 1."""

    exit_code = 1
