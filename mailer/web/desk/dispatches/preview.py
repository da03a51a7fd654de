"""Looking at a dispatch that is being written: what is wrong with it, and the letter in several ways.

The editor's script asks for findings as JSON, with the places for its marks; without a script they are a page. The letter
stands in a frame of its own, under a policy that lets its styles in and nothing of it run.
"""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.errors import MailerError
from mailer.ledger.types.accounts import Role
from mailer.service.dispatches.files import NoDispatchError
from mailer.service.dispatches.preview import CachedPreview, ColorScheme
from mailer.service.dispatches.status import find_dispatch_summary
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.pages import HTML, respond


@dataclass(frozen=True, slots=True)
class PreviewMode:
    """A way to look at a letter."""

    key: str
    name: str
    scheme: ColorScheme | None = None


_SANDBOX = "allow-same-origin allow-popups allow-popups-to-escape-sandbox"  # no script; a link opens elsewhere
VIEWS = (
    PreviewMode("phone", "Phone", ColorScheme.LIGHT),
    PreviewMode("desktop", "Desktop", ColorScheme.LIGHT),
    PreviewMode("dark", "Dark", ColorScheme.DARK),
    PreviewMode("no-images", "No images", ColorScheme.LIGHT),
    PreviewMode("text", "Plain text"),
)


def _proof(request: DeskRequest) -> Response:
    """The findings of the text as it is saved: for the script as marks, and in words for people."""
    proof = request.proofs.make(request.path["name"])
    if not request.wants_json:
        return request.page(
            "findings", heading=_title(request), proof=proof, summary=_summary(proof), name=request.path["name"]
        )
    piece = request.page("finding", heading="", proof=proof, summary=_summary(proof), name=request.path["name"])
    return request.json(
        {
            "digest": proof.digest,
            "size": proof.size,
            "letter": proof.edition is not None,
            "html": bytes(piece.body).decode(),
            "marks": [_mark(problem) for problem in proof.problems],
        }
    )


def _title(request: DeskRequest) -> str:
    return find_dispatch_summary(request.app, request.path["name"]).title


def _mark(problem: Diagnostic) -> dict[str, object]:
    message = f"{problem.message}; {problem.expected}" if problem.expected else problem.message
    return {"line": problem.line, "column": problem.column, "severity": problem.severity.value, "message": message}


_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def _summary(proof: CachedPreview) -> str:
    """The heading above the findings."""
    errors = sum(problem.severity is Severity.ERROR for problem in proof.problems)
    other = len(proof.problems) - errors
    if errors:
        return f"{_number(errors)} thing{'s' if errors > 1 else ''} to mend{f', {other} to look at' if other else ''}"
    return f"{_number(other)} thing{'s' if other > 1 else ''} to look at" if other else "Nothing to find fault with"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else f"{count}"


def _preview(request: DeskRequest) -> Response:
    """A page around the letter: for who has no script, and for a window of its own."""
    view = _view(request)
    return request.page(
        "preview",
        heading=_title(request),
        name=request.path["name"],
        views=VIEWS,
        view=view,
        reader=request.query.get("as", ""),
    )


def _letter(request: DeskRequest) -> Response:
    """The letter itself, in a frame: its own styles, no script, nothing from elsewhere unless a photo is linked to."""
    view = _view(request)
    reader, images = request.query.get("as", "").strip(), view.key != "no-images"
    try:
        digest = request.query.get("v", "")
        look = request.proofs.get(request.path["name"], digest, reader=reader, scheme=view.scheme, images=images)
    except NoDispatchError:
        raise
    except MailerError as error:  # an unknown reader, a template that is broken: told where the letter would be
        return _framed(request.page("plain", status=422, heading=str(error)))
    if look is None:
        return _framed(request.page("plain", heading="There is a preview once nothing is left to mend."))
    if view.key == "text":
        return _framed(request.page("plain", heading=look.subject, plain=look.text))
    sources = "'self' https: data:" if images else "data:"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {sources}; form-action 'none'; base-uri 'none'"
    return _framed(respond(look.html, HTML, headers={**HEADERS, "Content-Security-Policy": policy}))


def _framed(response: Response) -> Response:
    policy = response.headers["Content-Security-Policy"].replace("; frame-ancestors 'none'", "")
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'self'; sandbox {_SANDBOX}"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _view(request: DeskRequest) -> PreviewMode:
    key = request.query.get("view", "phone")
    return next((each for each in VIEWS if each.key == key), VIEWS[0])


def _image(request: DeskRequest) -> Response:
    found = request.proofs.image(request.path["image"])
    if found is None:
        raise HTTPException(404)
    return respond(found.data, found.content_type, headers={**HEADERS, "Cache-Control": "private, max-age=86400"})


ROUTES = (
    DeskRoute("GET", f"{HERE}:image/{{image}}", Role.WRITER, _image),
    DeskRoute("GET", f"{ONE}/findings", Role.WRITER, _proof),
    DeskRoute("GET", f"{ONE}/preview", Role.WRITER, _preview),
    DeskRoute("GET", f"{ONE}/letter", Role.WRITER, _letter),
)
