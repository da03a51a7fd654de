"""What the pages of one list share: its path, its name, and the way to its sync."""

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import MailerError, NeedsConfirmationError
from mailer.web.desk.request import DeskRequest

HERE = "/desk/lists"
ONE = f"{HERE}/{{name}}"


def name_of(request: DeskRequest) -> str:
    """Returns the name of the list in the path. Raises HTTPException 404 for an unknown list."""
    name = request.path["name"]
    if name not in request.app.workspace.list_names():
        raise HTTPException(404)
    return name


def path_of(name: str) -> str:
    """Returns the path of a list's page."""
    return f"{HERE}/{quote(name)}"


def needs_review(error: MailerError) -> bool:
    """Whether a change failed because the pending changes of the file would remove many members."""
    return isinstance(error, NeedsConfirmationError) and "--allow-removals" in error.next_step


def without_command(error: MailerError) -> MailerError:
    """Returns `error` for a page that links to the pending changes, without the command that shows them."""
    return NeedsConfirmationError(error.message) if needs_review(error) else error


def redirect_to_sync(request: DeskRequest, name: str, error: NeedsConfirmationError) -> Response:
    """Redirects to the pending changes of the file if these, not the request itself, would remove many members."""
    if not needs_review(error):
        raise error
    return request.redirect(
        f"{path_of(name)}/sync", f"Review the pending changes of the file first. {error.message}", bad=True
    )
