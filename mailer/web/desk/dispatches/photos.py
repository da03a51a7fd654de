"""Photos of a dispatch: an upload is stored scaled down and without metadata, and its markup is returned."""

import json

from starlette.responses import Response

from mailer.edition.images.loader import LARGEST_FILE
from mailer.errors import UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.files import read_dispatch
from mailer.service.dispatches.photos import figure_markdown, save_photo
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_LARGEST = LARGEST_FILE + 64 * 1024  # octets: the photo and its texts


def _photos(request: DeskRequest) -> Response:
    return request.page("photos", heading="Add a photo", name=request.path["name"])


def _add_photo(request: DeskRequest) -> Response:
    """Stores the photo, and returns its markup for the text and for the fields at the top."""
    name, alt = request.path["name"], " ".join(request.form.text("alt").split())
    upload = request.form.upload("photo")
    read_dispatch(request.app, name)
    if upload is None:
        raise UsageError("No photo was chosen.", "Choose a file: JPEG, PNG, GIF, WebP, TIFF or BMP.")
    if not alt:
        raise UsageError(
            "The photo has no description.", "Say in a sentence what it shows, for people who cannot see it."
        )
    file = save_photo(request.app, upload.file, upload.name.rpartition(".")[0] or upload.name)
    request.record("dispatch.photo", name, file)
    caption, credit = (" ".join(request.form.text(field).split()) for field in ("caption", "credit"))
    markdown = figure_markdown(file, alt=alt, caption=caption, credit=credit)
    metadata = {"file": file, "alt": alt, "caption": caption, "credit": credit}
    yaml = "photo:\n" + "".join(
        f"  {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in metadata.items() if value
    )
    if request.wants_json:
        return request.json({"file": file, "markdown": markdown, "yaml": yaml})
    return request.page("photo", heading="Photo saved", name=name, markdown=markdown, yaml=yaml)


ROUTES = (
    DeskRoute("GET", f"{ONE}/photos", Role.WRITER, _photos),
    DeskRoute("POST", f"{ONE}/photos", Role.WRITER, _add_photo, largest=_LARGEST),
)
