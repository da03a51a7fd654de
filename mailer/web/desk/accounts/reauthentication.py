"""Asks a signed-in user to prove who they are, before a change that a stolen session must not make.

The proof is the current password, in the field `password` of the form; a user without one, who signs in through an identity
provider, must have signed in within RECENT seconds.
"""

from mailer.errors import UsageError
from mailer.service.accounts.passwords import check_password
from mailer.web.desk.request import DeskRequest

RECENT = 15 * 60.0  # seconds


class NotProvenError(UsageError):
    """The user did not prove who they are; nothing was changed."""


def needs_password(request: DeskRequest) -> bool:
    """Whether the user proves it with a password."""
    return request.user.has_password and not request.app.settings.oidc_only


def require_proof(request: DeskRequest) -> None:
    """Raises NotProvenError without a proof, and if the password was tried too often."""
    if needs_password(request):
        try:
            request.limits.try_password(request.user.id)
        except UsageError as error:
            raise NotProvenError(error.message, error.next_step) from None
        if not check_password(request.app, request.user, request.form.raw("password")):
            raise NotProvenError("Your password is wrong.", "Nothing was changed. Type it again.")
    elif request.app.clock() - request.session.created_at > RECENT:
        raise NotProvenError(
            "You signed in too long ago for this.", "Sign out, sign in again, and make the change within 15 minutes."
        )
