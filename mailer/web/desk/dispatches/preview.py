"""The preview of a dispatch that is being written: its message in several views.

The message is in a frame of its own, under a policy that allows its styles and no script. Editors see it as a reader of a list;
writers type the fields of a made-up one.
"""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.addresses import mask_address, parse_address
from mailer.errors import MailerError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.lint.inbox_line import Device, InboxLine, inbox_lines
from mailer.service.dispatches.dispatch_list import find_dispatch_summary
from mailer.service.dispatches.files import NoDispatchError
from mailer.service.dispatches.preview import ColorScheme, RenderedPreview
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.responses import HTML, respond


@dataclass(frozen=True, slots=True)
class PreviewMode:
    """A view of the message."""

    key: str
    name: str
    scheme: ColorScheme | None = None

    @property
    def device(self) -> Device:
        """The device whose inboxes are shown above the message."""
        return Device.PHONE if self.key == Device.PHONE else Device.DESKTOP


_SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"  # no scripts; links open in a new tab
VIEWS = (
    PreviewMode("phone", "Phone", ColorScheme.LIGHT),
    PreviewMode("desktop", "Desktop", ColorScheme.LIGHT),
    PreviewMode("dark", "Dark", ColorScheme.DARK),
    PreviewMode("no-images", "No images", ColorScheme.LIGHT),
    PreviewMode("text", "Plain text"),
)


def _title(request: DeskRequest) -> str:
    return find_dispatch_summary(request.app, request.path["name"]).title


def _page(request: DeskRequest) -> Response:
    """Shows the page around the message: without a script, or in a window of its own."""
    view = _view(request)
    return request.page(
        "preview",
        heading=_title(request),
        name=request.path["name"],
        views=VIEWS,
        view=view,
        reader=request.query.get("as", ""),
        inbox=_inbox(request, view),
        device=view.device,
    )


def _inbox_fragment(request: DeskRequest) -> Response:
    """Returns the lines in the inbox for the open page; nothing while there is no message."""
    view = _view(request)
    fragment = request.page("inbox-line", inbox=_inbox(request, view), device=view.device)
    return request.json({"html": bytes(fragment.body).decode()})


def _inbox(request: DeskRequest, view: PreviewMode) -> tuple[InboxLine, ...]:
    """Returns the lines in the inbox; none for a reader who does not exist, or if no message can be made."""
    try:
        rendered = _rendered(request, view)
    except NoDispatchError:
        raise
    except MailerError:  # the frame says what is wrong
        return ()
    sender = request.app.settings.sender
    shown = sender.name or sender.address
    return inbox_lines(shown, rendered.subject, rendered.mailed, view.device) if rendered else ()


def _rendered(request: DeskRequest, view: PreviewMode) -> RenderedPreview | None:
    name, reader, made_up = request.path["name"], request.query.get("as", "").strip(), not request.may(Role.EDITOR)
    rendered = request.previews.get(
        name,
        request.query.get("v", ""),
        reader=reader,
        made_up=made_up,
        scheme=view.scheme,
        images=view.key != "no-images",
        has_left=request.has_left,
    )
    if reader and not made_up:
        identity = parse_address(reader).identity
        request.record_look("dispatch.preview", name, f"as {mask_address(reader)}", reader=identity)
    return rendered


def _message(request: DeskRequest) -> Response:
    """Returns the message for the frame: with its own styles and no scripts; nothing external but linked photos."""
    view = _view(request)
    try:
        rendered = _rendered(request, view)
    except NoDispatchError:
        raise
    except MailerError as error:  # an unknown reader or a broken template: shown in place of the message
        return _framed(request.page("plain", status=422, heading=" ".join(describe_error(error))))
    if rendered is None:
        return _framed(request.page("plain", heading="Fix the errors to see a preview."))
    if view.key == "text":
        return _framed(request.page("plain", heading=rendered.subject, plain=rendered.text))
    sources = "data:" if view.key == "no-images" else "'self' https: data:"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {sources}; form-action 'none'; base-uri 'none'"
    return _framed(respond(rendered.html, HTML, headers={**HEADERS, "Content-Security-Policy": policy}))


def _framed(response: Response) -> Response:
    policy = response.headers["Content-Security-Policy"].replace("; frame-ancestors 'none'", "")
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'self'; sandbox {_SANDBOX}"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _view(request: DeskRequest) -> PreviewMode:
    key = request.query.get("view", "phone")
    return next((each for each in VIEWS if each.key == key), VIEWS[0])


def _image(request: DeskRequest) -> Response:
    found = request.previews.image(request.path["image"])
    if found is None:
        raise HTTPException(404)
    return respond(found.data, found.content_type, headers={**HEADERS, "Cache-Control": "private, max-age=86400"})


ROUTES = (
    DeskRoute("GET", f"{HERE}:image/{{image}}", Role.WRITER, _image),
    DeskRoute("GET", f"{ONE}/preview", Role.WRITER, _page),
    DeskRoute("GET", f"{ONE}/letter", Role.WRITER, _message),
    DeskRoute("GET", f"{ONE}/inbox", Role.WRITER, _inbox_fragment),
)
