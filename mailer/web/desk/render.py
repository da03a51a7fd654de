"""Renders the pages of the desk: templates/desk in the desk's frame, with a policy that allows nothing but our own files.

The templates are always the packaged ones: unlike those of messages and public pages, they are part of the program. Texts
are English, times are in MAILER_TIMEZONE.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

from babel.dates import format_datetime
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.edition.template_loader import TemplateSet, builtin_dir
from mailer.ledger.accounts.users import User
from mailer.ledger.types.roles_and_scopes import Role
from mailer.web.cookies import read_cookie
from mailer.web.desk import plain_language
from mailer.web.desk.flash import Flash, decode_flash, encode_flash
from mailer.web.desk.origin import origin_of
from mailer.web.desk.sealed_query import seal_query
from mailer.web.desk.status_labels import author_label, field_label, leaving_reason_label, source_label, status_label
from mailer.web.responses import HTML, NO_CACHE, NO_STORE, respond, respond_cached

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
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers would not send the Origin of forms either
    "X-Robots-Tag": "noindex, nofollow",
}
STATIC = Path(__file__).parent.parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
_FLASH_COOKIE = "flash"
_JSON = "application/json"
_SAFE_IN_PATHS = "/%?&=:;,+@~#"


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the navigation, for users with `role`."""

    name: str
    path: str
    role: Role = Role.WRITER


NAV_ITEMS = (
    NavItem("Overview", "/desk/"),
    NavItem("Dispatches", "/desk/dispatches"),
    NavItem("Sends", "/desk/sends"),
    NavItem("Lists", "/desk/lists"),
    NavItem("Settings", "/desk/settings"),
)


_FOR_ADMINS = {
    "plain_text": partial(plain_language.plain_text, is_admin=True),
    "finding_sentence": partial(plain_language.finding_sentence, is_admin=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The signed-in user who gets a page; `flash`: the message that the previous page left."""

    request: Request
    user: User
    csrf_token: str
    flash: Flash | None


class DeskRenderer:
    """Renders pages and fragments; `root` is the path of the site."""

    def __init__(self, app: App, root: str) -> None:
        self.root = root
        self._templates = TemplateSet([builtin_dir()])
        self._zone = app.settings.timezone
        self._clock = app.clock
        self._context = {
            "root": root,
            "publication": app.publication.name,
            "delivery_state": plain_language.delivery_state,
            "send_state": plain_language.send_state,
            "dispatch_state": plain_language.dispatch_state,
            "plain_reason": plain_language.plain_reason,
            "plain_text": plain_language.plain_text,
            "finding_sentence": plain_language.finding_sentence,
            "seal": partial(seal_query, app.keys),
            "static": self.static,
            "datetime": self.datetime,
            "ago": self.ago,
            "clock_time": self.clock_time,
            "day": self.day,
            "Role": Role,
            "status_label": status_label,
            "source_label": source_label,
            "author_label": author_label,
            "field_label": field_label,
            "leaving_reason_label": leaving_reason_label,
        }

    def page(
        self,
        template: str,
        *,
        context: Mapping[str, object],
        status: int = 200,
        viewer: Viewer | None = None,
        flash: Flash | None = None,
    ) -> Response:
        """Renders templates/desk/`template`.html.j2; without a `viewer`, for a user who is not signed in."""
        path_here = viewer.request.url.path.removeprefix(self.root) if viewer else ""
        variables = {
            **self._context,
            **(_FOR_ADMINS if viewer and viewer.user.role is Role.ADMIN else {}),
            "user": viewer.user if viewer else None,
            "csrf_token": viewer.csrf_token if viewer else "",
            "nav_items": [each for each in NAV_ITEMS if viewer and viewer.user.role.may(each.role)],
            "is_current": lambda path: path_here == path or path_here.startswith((f"{path}/", f"{path}:")),
            "flash": flash or (viewer.flash if viewer else None),
            **context,
        }
        response = respond(
            self._templates.render(f"desk/{template}.html.j2", variables), HTML, status=status, headers=HEADERS
        )
        if viewer and viewer.flash and not is_partial(viewer.request) and not wants_json(viewer.request):
            self.clear_flash(viewer.request, response)
        return response

    def fragment(self, template: str, context: Mapping[str, object]) -> str:
        """Returns the HTML of templates/desk/`template`.html.j2, for a page that is open."""
        return self._templates.render(f"desk/{template}.html.j2", {**self._context, **context})

    def redirect(self, request: Request, path: str, flash: Flash | None = None) -> Response:
        """Redirects the browser, or htmx, to `path` under /desk, which may be quoted or not."""
        partial = request.headers.get("hx-request") == "true"
        ascii_path = quote(path, safe=_SAFE_IN_PATHS)  # names of files may be in any script, headers must be ASCII
        headers = {**HEADERS, ("HX-Redirect" if partial else "Location"): f"{self.root}{ascii_path}"}
        response = respond(b"", HTML, status=200 if partial else 303, headers=headers)
        if flash:
            origin = origin_of(request)
            response.set_cookie(
                origin.cookie(_FLASH_COOKIE),
                encode_flash(flash),
                max_age=60,
                secure=origin.secure,
                httponly=True,
                samesite="lax",
            )
        return response

    def read_flash(self, request: Request) -> Flash | None:
        """Returns the message that the previous page left."""
        return decode_flash(read_cookie(request, origin_of(request).cookie(_FLASH_COOKIE)))

    def clear_flash(self, request: Request, response: Response) -> None:
        """Removes the message that the previous page left, because `response` shows it."""
        origin = origin_of(request)
        response.delete_cookie(origin.cookie(_FLASH_COOKIE), secure=origin.secure, httponly=True, samesite="lax")

    def static(self, name: str) -> str:
        """Returns the URL of a static file; it contains a version, which changes with the content."""
        return f"{self.root}/desk/static/{name}?v={_version(name)}"

    def datetime(self, at: float | None, *, seconds: bool = False) -> Markup:
        """Formats a time in MAILER_TIMEZONE: 22 Nov 2026, 09:02, or with seconds."""
        if at is None:
            return Markup("–")
        moment = dt.datetime.fromtimestamp(at, self._zone)
        shown = format_datetime(moment, "d MMM y, HH:mm:ss" if seconds else "d MMM y, HH:mm", locale="en_GB")
        return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), shown)

    def clock_time(self, at: float) -> str:
        """Formats the time of day, to the second: 09:02:31."""
        return dt.datetime.fromtimestamp(at, self._zone).strftime("%H:%M:%S")

    def day(self, at: float) -> Markup:
        """Formats a day in MAILER_TIMEZONE: 22 Nov 2026."""
        moment = dt.datetime.fromtimestamp(at, self._zone)
        shown = format_datetime(moment, "d MMM y", locale="en_GB")
        return Markup('<time datetime="{}">{}</time>').format(moment.date().isoformat(), shown)

    def ago(self, at: float) -> Markup:
        """Formats how long ago `at` is, in words."""
        moment = dt.datetime.fromtimestamp(at, self._zone)
        words = time_ago(self._clock() - at)
        return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), words)


def is_partial(request: Request) -> bool:
    """Whether htmx requests a fragment of a page."""
    return request.headers.get("hx-request") == "true" and "hx-boosted" not in request.headers


def wants_json(request: Request) -> bool:
    """Whether one of our scripts made the request; it shows errors by itself."""
    return _JSON in request.headers.get("accept", "")


def json_page(value: Mapping[str, object], *, status: int = 200) -> Response:
    return respond(json.dumps(value), _JSON, status=status, headers=HEADERS)


def time_ago(seconds: float) -> str:
    """Returns a duration in words: `3 minutes ago`."""
    if seconds < 45:
        return "just now"
    for length, name, until in ((60, "minute", 3570), (3600, "hour", 84_600), (86_400, "day", float("inf"))):
        if seconds < until:
            count = max(1, round(seconds / length))
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    raise AssertionError("infinity ends all")


def static_file(request: Request) -> Response:
    """Returns a file of mailer/web/static; a URL with its version may be cached for ever."""
    name = request.path_params["name"]
    data = _files().get(name)
    if data is None:
        raise HTTPException(404)
    caching: Mapping[str, str] = _IMMUTABLE if request.query_params.get("v") == _version(name) else NO_CACHE
    return respond_cached(request, data, _TYPES[Path(name).suffix], caching)


@cache
def _files() -> dict[str, bytes]:
    """Returns all static files, read once: no part of a request becomes a path."""
    found = (path for path in STATIC.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in found}


@cache
def _version(name: str) -> str:
    return hashlib.sha256(_files()[name]).hexdigest()[:12]
