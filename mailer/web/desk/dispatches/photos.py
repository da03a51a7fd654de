"""Photos in the text of a dispatch: an upload is stored scaled down and without metadata, and its markup is returned.

The photo above the note is a field of the editor’s form (editor_form.py); here is the picture of it that the form shows.
"""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.dispatch.fields.front_matter_edit import read_front_fields
from mailer.edition.images.loader import LARGEST_FILE, PhotoError, load_image
from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.files import dispatch_path, read_dispatch
from mailer.service.dispatches.photos import figure_markdown, save_photo
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.responses import respond

_LARGEST = LARGEST_FILE + 64 * 1024  # octets: the photo and its texts


def _photos(request: DeskRequest) -> Response:
    return request.page("photos", heading="Add a photo", name=request.path["name"])


def _add_photo(request: DeskRequest) -> Response:
    """Stores the photo, and returns its markup for the text."""
    name, alt = request.path["name"], " ".join(request.form.text("alt").split())
    upload = request.form.upload("photo")
    read_dispatch(request.app, name)
    if upload is None:
        raise UsageError("No photo was chosen.", "Choose a file: JPEG, PNG, GIF, WebP, TIFF or BMP.")
    if not alt:
        raise UsageError(
            "The photo has no description.", "Say in a sentence what it shows, for people who cannot see it."
        )
    saved = save_photo(request.app, upload.file, upload.name.rpartition(".")[0] or upload.name)
    request.record("dispatch.photo", name, saved.file)
    caption, credit = (" ".join(request.form.text(field).split()) for field in ("caption", "credit"))
    markdown = figure_markdown(saved.file, alt=alt, caption=caption, credit=credit)
    if request.wants_json:
        return request.json({"file": saved.file, "markdown": markdown})
    return request.page("photo", heading="Photo saved", name=name, markdown=markdown)


def _picture(request: DeskRequest) -> Response:
    """Returns the photo above the note of the saved dispatch."""
    fields = read_front_fields(read_dispatch(request.app, request.path["name"]).text)
    photo = fields["photo"] if fields else {}
    path = dispatch_path(request.app, request.path["name"])
    if not isinstance(photo, Mapping) or not photo.get("file"):
        raise HTTPException(404)
    try:
        image = load_image(path.parent / photo["file"], root=request.app.workspace.root)
    except PhotoError:
        raise HTTPException(404) from None
    return respond(image.data, image.content_type, headers={**HEADERS, "Cache-Control": "private, max-age=86400"})


ROUTES = (
    DeskRoute("GET", f"{ONE}/photos", Role.WRITER, _photos),
    DeskRoute("GET", f"{ONE}/photo", Role.WRITER, _picture),
    DeskRoute("POST", f"{ONE}/photos", Role.WRITER, _add_photo, largest=_LARGEST),
)
