"""Validates links: http, https, mailto and tel are allowed, absolute and complete.

An allow-list of schemes, so that `javascript:`, `data:` and future schemes need no mention. Addresses are
checked as they are written in the edition, after entities were resolved and odd characters percent-encoded.
"""

import re
from urllib.parse import urlsplit

from markdown_it.common.normalize_url import normalizeLink

from mailer.dispatch.diagnostics import RuleViolation, abbreviate
from mailer.dispatch.slug import is_slug

WEB = frozenset({"http", "https"})
ANY = WEB | {"mailto", "tel"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(r"(?![.-])[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_BEGINS_WITH_HOST = re.compile(
    r"(?i)www\.|(?:[a-z0-9-]+\.)+(?!(?:html?|php|aspx?|pdf|md|txt|jpe?g|png|gif|webp|svg)(?![a-z]))[a-z]{2,}(?=[/?#:]|$)"
)
_REST = {"mailto": re.compile(r"[^\s@]+@[^\s@?]+(\?.*)?"), "tel": re.compile(r"\+?[0-9().*#;=a-zA-Z%-]+")}


def normalise_url(url: str) -> str:
    """Returns `url` in ASCII: the host as A-labels, other characters percent-encoded where RFC 3986 asks for it."""
    return normalizeLink(url.strip())


def check_link(url: str, schemes: frozenset[str] = ANY) -> RuleViolation | None:
    """Returns the rule that `url`, a normalised one, violates; None if it is allowed."""
    match = _SCHEME.match(url)
    if match is None:
        return _relative(url, schemes)
    scheme = match[1].lower()
    if scheme not in schemes:
        return RuleViolation("link-scheme", f"a link to “{abbreviate(url)}” is not allowed", f"use {_either(schemes)}")
    rest = url[match.end() :]
    if scheme in WEB:
        return (
            None
            if _is_web(url, rest)
            else RuleViolation("link-invalid", f"“{abbreviate(url)}” is not a complete address", _WHOLE)
        )
    if _REST[scheme].fullmatch(rest) is None:
        return RuleViolation("link-invalid", f"“{abbreviate(url)}” is not a complete {scheme} address")
    return None


_WHOLE = "write it in full, such as https://example.org/page"


def _relative(url: str, schemes: frozenset[str]) -> RuleViolation:
    if url.startswith("#"):
        expected = "write a complete address; the contents link to each article already"
    elif not url:
        return RuleViolation("link-invalid", "this link has no address", _WHOLE)
    else:
        path = url.lstrip("/")
        if schemes == ANY and is_slug(path):
            return RuleViolation(
                "link-relative",
                f"the link “{abbreviate(url)}” is not a complete address",
                f"write [[{abbreviate(path)}]] if it is a dispatch, else the address in full, such as https://example.org/page",
            )
        whole = path if url.startswith("//") or _BEGINS_WITH_HOST.match(url) else f"example.org/{path}"
        expected = abbreviate(f"write it in full, such as https://{whole}", 160)
    return RuleViolation("link-relative", f"the link “{abbreviate(url)}” is not a complete address", expected)


def _is_web(url: str, rest: str) -> bool:
    if not rest.startswith("//"):
        return False
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for an invalid port
    except ValueError:
        return False
    host = parts.netloc.rpartition("@")[2]
    host = host if host.endswith("]") else re.sub(r":[0-9]*$", "", host)
    return _HOST.fullmatch(host) is not None


def check_image_file(path: str) -> RuleViolation | None:
    """Returns the rule that the path of an image file violates: it must be relative to the dispatch. None if it is allowed."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", path) or path.startswith(("/", "\\", "~")):
        return RuleViolation(
            "image-address",
            f"“{abbreviate(path)}” is not a file in the dispatch’s folder",
            "write its path from there, such as photos/quay.jpg",
        )
    return None


def authority_end(url: str) -> int:
    """Returns the length of scheme, user, host and port: the offset of the path, or of the end where there is no path."""
    match = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/?#]*)?", url)
    return match.end() if match else 0


def _either(schemes: frozenset[str]) -> str:
    *others, last = sorted(schemes)
    return f"{', '.join(others)} or {last}" if others else last
