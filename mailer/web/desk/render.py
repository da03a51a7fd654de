"""The pages of the desk: templates/desk in the desk's frame, with headers that allow nothing but our own files.

The templates are the packaged ones: unlike the letter and the readers' pages, they belong to the program and change
with it. Words are English. Times are those of MAILER_TIMEZONE. A sentence that is to stand on the next page travels
there in a cookie of a minute.
"""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from babel.dates import format_datetime
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.edition.templates import TemplateSet, builtin_dir
from mailer.ledger.accounts.users import User
from mailer.ledger.types.accounts import Role
from mailer.web.desk.origin import Origin, origin_of
from mailer.web.pages import HTML, NO_CACHE, NO_STORE, respond, respond_cached

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    **NO_STORE,
    "Content-Security-Policy": POLICY,
    "Content-Language": "en",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # without a referrer, browsers name no origin in forms either
    "X-Robots-Tag": "noindex, nofollow",
}
STATIC = Path(__file__).parent.parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_SAID = "said"
_JSON = "application/json"
_LONGEST_SAID = 1500  # octets of a cookie
_KEPT_IN_PATHS = "/%?&=:;,+@~#"


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the navigation; whoever has `role` sees it."""

    name: str
    path: str
    role: Role = Role.WRITER


SECTIONS = (
    NavItem("Dispatches", "/desk/dispatches"),
    NavItem("Sends", "/desk/sends"),
    NavItem("Lists", "/desk/lists"),
    NavItem("Settings", "/desk/settings"),
)


@dataclass(frozen=True, slots=True)
class Flash:
    """A sentence for the next page; `bad`: something did not work."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The signed-in user who gets a page; `said`: what the page before left for this one."""

    request: Request
    user: User
    form_token: str
    said: Flash | None


class DeskRenderer:
    """The pages of a newsroom's desk; `root` is the path of the site."""

    def __init__(self, app: App, root: str) -> None:
        self.root = root
        self._layout = TemplateSet([builtin_dir()])
        self._zone = app.settings.timezone
        self._clock = app.clock
        self._context = {
            "root": root,
            "publication": app.publication.name,
            "static": self.static,
            "moment": self.datetime,
            "ago": self.ago,
            "clock_time": self.clock_time,
            "day": self.day,
            "Role": Role,
        }

    def page(
        self,
        template: str,
        *,
        context: Mapping[str, object],
        status: int = 200,
        viewer: Viewer | None = None,
        said: Flash | None = None,
    ) -> Response:
        """Renders templates/desk/`template`.html.j2; without a `viewer`, for somebody who is not signed in."""
        here = viewer.request.url.path.removeprefix(self.root) if viewer else ""
        filled = {
            **self._context,
            "user": viewer.user if viewer else None,
            "form_token": viewer.form_token if viewer else "",
            "sections": [each for each in SECTIONS if viewer and viewer.user.role.may(each.role)],
            "is_here": lambda path: here == path or here.startswith((f"{path}/", f"{path}:")),
            "said": said or (viewer.said if viewer else None),
            **context,
        }
        response = respond(
            self._layout.render(f"desk/{template}.html.j2", filled), HTML, status=status, headers=HEADERS
        )
        if viewer and viewer.said:
            door = origin_of(viewer.request)
            response.delete_cookie(door.cookie(_SAID), secure=door.secure, httponly=True, samesite="lax")
        return response

    def fragment(self, template: str, context: Mapping[str, object]) -> str:
        """The HTML of templates/desk/`template`.html.j2, for a page that is there."""
        return self._layout.render(f"desk/{template}.html.j2", {**self._context, **context})

    def redirect(self, request: Request, path: str, said: Flash | None = None) -> Response:
        """Send the browser to `path`, which is under /desk, quoted or not; htmx takes it as it is meant, too."""
        partial = request.headers.get("hx-request") == "true"
        ascii_path = quote(path, safe=_KEPT_IN_PATHS)  # names of files may be in any script, headers may not
        headers = {**HEADERS, ("HX-Redirect" if partial else "Location"): f"{self.root}{ascii_path}"}
        response = respond(b"", HTML, status=200 if partial else 303, headers=headers)
        if said:
            door = origin_of(request)
            response.set_cookie(
                door.cookie(_SAID), encode_said(said), max_age=60, secure=door.secure, httponly=True, samesite="lax"
            )
        return response

    def pop_flash(self, request: Request, door: Origin) -> Flash | None:
        """What the page before had to say."""
        return decode_said(request.cookies.get(door.cookie(_SAID), ""))

    def static(self, name: str) -> str:
        """The address of a file of ours, which changes with it."""
        return f"{self.root}/desk/static/{name}?v={_version(name)}"

    def datetime(self, at: float | None, *, seconds: bool = False) -> Markup:
        """A time in the installation's zone: 22 Nov 2026, 09:02, or with seconds."""
        if at is None:
            return Markup("–")
        when = dt.datetime.fromtimestamp(at, self._zone)
        shown = format_datetime(when, "d MMM y, HH:mm:ss" if seconds else "d MMM y, HH:mm", locale="en_GB")
        return Markup('<time datetime="{}">{}</time>').format(when.isoformat(timespec="seconds"), shown)

    def clock_time(self, at: float) -> str:
        """The time of day, to the second: 09:02:31."""
        return dt.datetime.fromtimestamp(at, self._zone).strftime("%H:%M:%S")

    def day(self, at: float) -> Markup:
        """A day in the installation's zone: 22 Nov 2026."""
        when = dt.datetime.fromtimestamp(at, self._zone)
        shown = format_datetime(when, "d MMM y", locale="en_GB")
        return Markup('<time datetime="{}">{}</time>').format(when.date().isoformat(), shown)

    def ago(self, at: float) -> Markup:
        """How long ago that is, in words."""
        when = dt.datetime.fromtimestamp(at, self._zone)
        words = in_words(self._clock() - at)
        return Markup('<time datetime="{}">{}</time>').format(when.isoformat(timespec="seconds"), words)


def wants_json(request: Request) -> bool:
    """Whether a script of ours asks, which shows what went wrong by itself."""
    return _JSON in request.headers.get("accept", "")


def json_page(value: Mapping[str, object], *, status: int = 200) -> Response:
    return respond(json.dumps(value), _JSON, status=status, headers=HEADERS)


def in_words(seconds: float) -> str:
    """`3 minutes ago`."""
    if seconds < 45:
        return "just now"
    for length, name, until in ((60, "minute", 3570), (3600, "hour", 84_600), (86_400, "day", float("inf"))):
        if seconds < until:
            count = max(1, round(seconds / length))
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    raise AssertionError("infinity ends all")


def static_file(request: Request) -> Response:
    """A file of mailer/web/static; kept for ever by the address that names its version."""
    name = request.path_params["name"]
    data = _files().get(name)
    if data is None:
        raise HTTPException(404)
    kept: Mapping[str, str] = _FOR_EVER if request.query_params.get("v") == _version(name) else NO_CACHE
    return respond_cached(request, data, _TYPES[Path(name).suffix], kept)


@cache
def _files() -> dict[str, bytes]:
    """All of it, read once: nothing in a request becomes a path."""
    found = (path for path in STATIC.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in found}


@cache
def _version(name: str) -> str:
    return hashlib.sha256(_files()[name]).hexdigest()[:12]


def encode_said(said: Flash) -> str:
    data = json.dumps([said.text, said.bad]).encode()
    while len(data) > _LONGEST_SAID:
        said = Flash(said.text[: len(said.text) * 3 // 4] + "…", said.bad)
        data = json.dumps([said.text, said.bad]).encode()
    return base64.urlsafe_b64encode(data).decode()


def decode_said(cookie: str) -> Flash | None:
    try:
        text, bad = json.loads(base64.urlsafe_b64decode(cookie))
    except (ValueError, TypeError):
        return None
    return Flash(str(text), bool(bad))
