"""Checks the links of a dispatch: words without meaning, misleading words, shorteners, private or insecure addresses.

Checked by their addresses alone; link_checker.py requests them. Links of the dispatch are reported at their positions,
those of a template at the beginning of the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.markdown.token_walk import plain_text
from mailer.dispatch.model import Dispatch, Template, inline_tokens, text_tokens, walk_articles
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding
from mailer.lint.source_positions import SourceIndex

_MEANINGLESS = frozenset(
    word
    for words in (
        "here|click|click here|click this|this|this link|link|more|read more|learn more|read on|see more|details|this page",
        "hier|klick|klicken|hier klicken|mehr|weiterlesen|mehr erfahren|dieser link|siehe hier",
        "ici|cliquez|cliquez ici|lire la suite|en savoir plus|plus|ce lien|suite",
        "aquí|haga clic|haga clic aquí|pulse aquí|más|leer más|saber más|este enlace|ver más",
        "aqui|clique|clique aqui|mais|leia mais|ler mais|saiba mais|este link|ver mais",
        "qui|clicca|clicca qui|altro|leggi di più|scopri di più|questo link",
        "klik|klik hier|meer|lees meer|lees verder|deze link",
        "כאן|לחצו כאן|לחץ כאן|עוד|קראו עוד|קישור",
        "هنا|اضغط هنا|انقر هنا|المزيد|اقرأ المزيد|رابط",
    )
    for word in words.split("|")
)
"""In English, German, French, Spanish, Portuguese, Italian, Dutch, Hebrew and Arabic, whatever the language of the dispatch."""
_SHORTENERS = frozenset(
    {
        "amzn.to", "bit.ly", "bitly.com", "bl.ink", "buff.ly", "cutt.ly", "dlvr.it", "fb.me", "git.io", "goo.gl",
        "ift.tt", "is.gd", "lnkd.in", "ow.ly", "qr.ae", "rb.gy", "rebrand.ly", "s.id", "short.io", "shorturl.at", "soo.gd",
        "t.co", "t.ly", "tiny.cc", "tinyurl.com", "trib.al", "urlz.fr", "v.gd", "wp.me", "x.gd",
    }
)  # fmt: skip
_NOT_PUBLIC = (".local", ".localhost", ".internal", ".lan", ".intranet", ".home.arpa", ".corp", ".test", ".invalid")
_BARE = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_AROUND = " .,:;!?()[]<>“”„‘’«»\"'→›…"
_FILE_ENDINGS = frozenset(
    ending
    for endings in (
        "7z avi bmp c cpp cs css csv doc docx eps epub exe flac gif go gz h heic htm html ics java jpeg jpg js json jsx kt log",
        "md mov mp3 mp4 odp ods odt pdf php png pps ppt pptx ps psd py rar rb rs rtf sh sql svg swift tar tex tiff toml ts tsx",
        "ttf txt wav webp xls xlsx xml yaml yml zip",
    )
    for ending in endings.split(" ")
)
"""Endings of files and of programming languages, some of which are top-level domains too."""
_PRODUCTS = frozenset({"ado.net", "asp.net", "ml.net", "vb.net"})
_MAIL_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_ADDRESS = re.compile(
    r"(?:https?://)?(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24})(?::\d+)?(?:[/?#]\S*)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """A link: its address, with an x for each merge field, and its words ("": it has none of its own)."""

    url: str
    words: str
    position: Position
    has_merge_fields: bool = False

    @property
    def host(self) -> str:
        try:
            return (urlsplit(self.url).hostname or "").removesuffix(".")
        except ValueError:
            return ""


def targets(dispatch: Dispatch, source_index: SourceIndex) -> tuple[LinkTarget, ...]:
    """Returns every link that an editor typed, to the web or elsewhere."""
    found = list(_front(dispatch, source_index))
    found += [
        LinkTarget(article.link, "", source_index.article_key(article, "link"))
        for article in walk_articles(dispatch.articles)
        if article.link
    ]
    for token in text_tokens(dispatch):
        found += _of_block(token.children or [])
    return tuple(found)


def _front(dispatch: Dispatch, source_index: SourceIndex) -> Iterator[LinkTarget]:
    for number, earlier in enumerate(dispatch.earlier):
        if earlier.url:
            yield LinkTarget(earlier.url, earlier.title, source_index.key("earlier", number, "url"))
    for number, social in enumerate(dispatch.social):
        yield LinkTarget(social.url, social.text, source_index.key("social", number, "url"))


def _of_block(children: list[Token]) -> Iterator[LinkTarget]:
    for number, token in enumerate(children):
        if token.type != "link_open":
            continue
        end = next((at for at in range(number, len(children)) if children[at].type == "link_close"), len(children))
        inside = children[number + 1 : end]
        words = " ".join(plain_text(inside).split())
        if any(each.type in {"merge_field", "dispatch_link"} for each in inside):
            words = f"{words} …"
        href: Template = token.meta["href"]
        url = "".join(part if isinstance(part, str) else "x" for part in href)
        has_merge_fields = any(not isinstance(part, str) for part in href)
        yield LinkTarget(url, words, token.meta["position"], has_merge_fields)


def _finding(rule: str, target: LinkTarget, message: str, expected: str) -> Finding:
    return Finding(rule=rule, message=message, expected=expected, position=target.position)


def links(context: LintContext) -> Iterator[Finding]:
    """Checks each link by its address and its words."""
    own = urlsplit(context.base_url).hostname or ""
    typed = targets(context.dispatch, context.source_index)
    for target in (*typed, *_of_templates(context, typed)):
        yield from _check_words(target)
        if target.host and target.host != own:
            yield from _check_address(target)


def unsent(context: LintContext) -> Iterator[Finding]:
    """Reports links to dispatches without a page in the archive."""
    dispatch, source_index = context.dispatch, context.source_index
    places = [
        (earlier.slug, source_index.key("earlier", number, "slug")) for number, earlier in enumerate(dispatch.earlier)
    ]
    places += [
        (token.meta["slug"], token.meta["position"])
        for token in inline_tokens(dispatch)
        if token.type == "dispatch_link"
    ]
    for slug, position in places:
        if slug in context.unsent:
            message = f"“{slug}” was never sent, so it has no page in the archive"
            yield Finding(rule="link-unsent", message=message, expected="send it before this one", position=position)


def _of_templates(context: LintContext, typed: tuple[LinkTarget, ...]) -> Iterator[LinkTarget]:
    """Links that no editor typed: those of a workspace’s own templates."""
    known = {target.url for target in typed}
    reader_specific = tuple(target.url.partition("x")[0] for target in typed if target.has_merge_fields)
    seen: set[str] = set()
    for page in context.pages:
        for link in page.links:
            if link.href in known or link.href in seen or link.href.startswith("#"):
                continue
            if link.href.startswith(context.base_url) or (reader_specific and link.href.startswith(reader_specific)):
                continue
            seen.add(link.href)
            yield LinkTarget(link.href, link.words, Position())


def _check_words(target: LinkTarget) -> Iterator[Finding]:
    words = target.words
    if _BARE.fullmatch(words):
        message = f"the link “{abbreviate(words, 50)}” shows only its address"
        yield _finding("link-words", target, message, "use words: [the minutes](https://…)")
    elif _plain(words) in _MEANINGLESS:
        message = f"the link “{abbreviate(words, 50)}” does not say where it leads"
        yield _finding("link-words", target, message, "use words that name the target")
    if differing := _differing_mail_address(target):
        message = f"the link shows {differing[0]} but writes to {differing[1]}"
        yield _finding("link-mismatch", target, message, f"show {differing[1]}, or name the person in words")
    for shown in _shown_hosts(target):
        if target.host and not _are_one(shown, target.host):
            message = f"the link shows {shown} but leads to {target.host}"
            yield _finding("link-mismatch", target, message, f"show {target.host}, or name the site in words")


def _shown_hosts(target: LinkTarget) -> Iterator[str]:
    """Yields the hosts that a reader takes for the place where the link leads."""
    words = target.words.strip(_AROUND)
    if match := _ADDRESS.fullmatch(words):
        if not _is_file_or_product(words):
            yield match["host"]
    else:
        for address in _BARE.findall(target.words):
            if match := _ADDRESS.fullmatch(address.strip(_AROUND)):
                yield match["host"]
    user, at, _ = urlsplit(target.url).netloc.rpartition("@") if target.host else ("", "", "")
    if at:  # https://bank.example@evil.example/
        yield abbreviate(user, 50)


def _is_file_or_product(words: str) -> bool:
    """Whether `words` are the name of a file or a product rather than a host: avatar.png, Node.js, ASP.NET."""
    name, _, ending = words.lower().rpartition(".")
    return (ending in _FILE_ENDINGS and "." not in name) or words.lower() in _PRODUCTS


def _differing_mail_address(target: LinkTarget) -> tuple[str, str] | None:
    """Returns the mail address that a link shows, and the one that it writes to, if they differ."""
    shown = _MAIL_ADDRESS.search(target.words)
    scheme, _, rest = target.url.partition(":")
    if target.has_merge_fields or shown is None or scheme.lower() != "mailto":
        return None
    to = unquote(rest.partition("?")[0])
    return (shown[0], to) if to and shown[0].casefold() != to.casefold() else None


def _plain(words: str) -> str:
    return " ".join(re.findall(r"[\w']+", words.casefold()))


def _are_one(shown: str, host: str) -> bool:
    shown, host = shown.lower().removeprefix("www."), host.lower().removeprefix("www.")
    return shown == host or shown.endswith(f".{host}") or host.endswith(f".{shown}")


def _check_address(target: LinkTarget) -> Iterator[Finding]:
    host = target.host.lower()
    if not is_public_name(host):
        message = f"“{host}” cannot be reached from other networks"
        if _is_number(host):
            message = f"the link leads to the IP address {host}"
        yield _finding("link-private", target, message, "use a public host name")
    elif target.url.lower().startswith("http:"):
        message = f"the link “{abbreviate(target.url, 60)}” is not https"
        yield _finding("link-insecure", target, message, f"try {abbreviate('https' + target.url[4:], 60)}")
    if host.removeprefix("www.") in _SHORTENERS:
        message = f"“{host}” is a URL shortener and hides where the link leads"
        yield _finding("link-shortener", target, message, "use the final address")


def is_public_name(host: str) -> bool:
    """Whether `host` could be public: a name with a dot, under no private top-level domain."""
    return "." in host and not host.endswith(_NOT_PUBLIC) and not _is_number(host)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
