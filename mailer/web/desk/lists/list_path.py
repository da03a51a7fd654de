"""What the pages of one list share: its path, its name, and the way to its sync."""

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.errors import NeedsConfirmationError
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


def redirect_to_sync(request: DeskRequest, name: str, error: NeedsConfirmationError) -> Response:
    """Redirects to the pending changes of the file if these, not the request itself, would remove many members."""
    if "--allow-removals" not in error.next_step:
        raise error
    return request.redirect(
        f"{path_of(name)}/sync", f"Review the pending changes of the file first. {error.message}", bad=True
    )
