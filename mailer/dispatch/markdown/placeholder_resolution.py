"""Resolves inline tokens: placeholders become `merge_field` tokens, addresses Templates, code what was typed.

    text with placeholders  -> text and merge_field tokens (meta["expression"])
    a link                  -> no attribute; meta["href"] is a Template
    an image                -> no attribute src; meta["src"] is a Template, the attribute alt its text
    [^label], [[slug]]      -> meta["label"], meta["slug"]
    code                    -> what was typed; its placeholders are not template parts

Addresses are checked; an element in a place where it is not allowed is reported.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from urllib.parse import unquote

from markdown_it.token import Token

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position
from mailer.dispatch.markdown.token_walk import plain_text
from mailer.dispatch.model import Template
from mailer.dispatch.slug import EXPECTED_SLUG, is_slug
from mailer.dispatch.template.placeholders import MaskedBody, Placeholder
from mailer.dispatch.url_validation import ANY, authority_end, check_link

_VISIBLE = frozenset({"code_inline", "image", "dispatch_link"})
_IMAGE = frozenset({"https"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def resolve(tokens: Sequence[Token], body: MaskedBody, findings: DiagnosticCollector) -> frozenset[int]:
    """Resolves `tokens` in place; returns the numbers of the placeholders that turned out to be code."""
    resolver = _TokenResolver(body, findings)
    opening = Token("", "", 0)
    for token in tokens:
        if token.type in {"fence", "code_block"}:
            token.content = resolver.code(token.content)
            token.info = resolver.code(token.info)
        elif token.type == "inline":
            token.children = list(resolver.children(token.children or [], opening.type))
            token.content = body.restore(token.content)
        opening = token
    return frozenset(resolver.in_code)


class _TokenResolver:
    def __init__(self, body: MaskedBody, findings: DiagnosticCollector) -> None:
        self.body, self.findings = body, findings
        self.in_code: set[int] = set()
        self._resolvers: dict[str, Callable[[Token], None]] = {
            "code_inline": self._code,
            "link_open": self._link,
            "image": self._image,
            "footnote_ref": self._footnote,
            "dispatch_link": self._dispatch_link,
        }

    def code(self, text: str) -> str:
        self.in_code.update(piece.number for piece in self.body.split(text) if isinstance(piece, Placeholder))
        return self.body.restore(text)

    def children(self, children: Sequence[Token], opening: str) -> Iterator[Token]:
        """Yields the resolved children of an inline token in the block that `opening` opens."""
        links: list[tuple[Token, int]] = []
        visible = 0
        for token in children:
            if opening == "article_open" and token.type in _NOT_IN_TITLE:
                message = f"{_NOT_IN_TITLE[token.type]} is not allowed in an article’s title"
                self._add("heading-content", token.meta["position"], message, _INSTEAD[token.type])
            elif opening == "image" and token.type in {"footnote_ref", "dispatch_link"}:
                message = f"{_NOT_IN_TITLE[token.type]} is not allowed in the alt text of an image"
                self._add("image-alt", token.meta["position"], message, _INSTEAD[token.type])
            if token.type == "text":
                for piece in self._text(token, opening):
                    visible += bool(piece.type == "merge_field" or piece.content.strip())
                    yield piece
                continue
            if token.type in self._resolvers:
                self._resolvers[token.type](token)
            visible += token.type in _VISIBLE
            if token.type == "link_open":
                links.append((token, visible))
            elif token.type == "link_close" and links:
                link, before = links.pop()
                if visible == before:
                    self._add("link-text", link.meta["position"], "this link has no text", "write [words](address)")
            yield token

    def _text(self, token: Token, opening: str) -> Iterator[Token]:
        for piece in self.body.split(token.content):
            if isinstance(piece, str):
                yield Token("text", "", 0, content=piece, level=token.level)
                continue
            if piece.tag is not None:
                message = f"“{{% {piece.tag.name} %}}” is not on a line of its own"
                self._add(
                    "tag-line", piece.position, message, "put it on a line of its own between paragraphs, not indented"
                )
            elif opening in {"article_open", "heading_open"}:
                self._misplaced(piece, "a heading")
            if piece.expression is not None:
                meta = {"expression": piece.expression}
                yield Token("merge_field", "", 0, meta=meta, level=token.level)

    def _code(self, token: Token) -> None:
        token.content = self.code(token.content)

    def _link(self, token: Token) -> None:
        position = token.meta["position"]
        href = str(token.attrs.pop("href", ""))
        token.meta["href"] = self._address(href, position, ANY)
        self._attribute(token, "title", "a link's title")

    def _image(self, token: Token) -> None:
        position = token.meta["position"]
        src = str(token.attrs.pop("src", ""))
        if _SCHEME.match(src) or any(isinstance(piece, Placeholder) for piece in self.body.split(src)):
            template = self._address(src, position, _IMAGE)
        else:
            template = (unquote(src),)
            if not src or src.startswith(("/", "#", "?", "%5C")):
                message = f"“{unquote(src)[:60]}” is not a file in the dispatch’s folder"
                self._add(
                    "image-address",
                    position,
                    message,
                    "write its path from there, such as photos/quay.jpg, or an https address",
                )
        token.meta["src"] = template
        for placeholder in self._placeholders(token.content):
            self._misplaced(placeholder, "the alt text of an image")
        token.children = list(self.children(token.children or [], "image"))
        token.content = self.body.restore(token.content)
        alt = plain_text(token.children).strip()
        token.attrs["alt"] = alt
        if not alt and not list(self._placeholders(token.content)):
            self._add("image-alt", position, "this image has no alt text", "write ![what it shows](address)")
        self._attribute(token, "title", "an image's title")

    def _address(self, url: str, position: Position, schemes: frozenset[str]) -> Template:
        """Returns `url` as a Template; expressions are allowed only after its authority."""
        end = authority_end(url)
        pieces: list[Template] = []
        filled, length = "", 0
        for piece in self.body.split(url):
            if isinstance(piece, str):
                pieces.append((piece,))
                filled += piece
                length += len(piece)
                continue
            if length < end or not end:
                self._add("link-expression", piece.position, _NOT_IN_HOST, "put it after the host name")
                return ("",)
            if piece.expression is not None:
                pieces.append((piece.expression,))
            filled += "0"
            length += len(self.body.marker(piece))
        fault = check_link(filled, schemes)
        if fault:
            self.findings.add_violation(fault, position)
        return tuple(chain.from_iterable(pieces))

    def _footnote(self, token: Token) -> None:
        position = token.meta["position"]
        label = str(token.meta["label"])
        for placeholder in self._placeholders(label):
            self._misplaced(placeholder, "the name of a footnote")
        token.meta = {"label": self.body.restore(label), "position": position}

    def _dispatch_link(self, token: Token) -> None:
        position = token.meta["position"]
        slug = self.body.restore(str(token.meta["slug"]))
        for placeholder in self._placeholders(str(token.meta["slug"])):
            self._misplaced(placeholder, "a link to a dispatch")
        if not is_slug(slug):
            self._add(
                "dispatch-link",
                position,
                f"“{slug[:60]}” is not a valid slug",
                EXPECTED_SLUG + "; write \\[[ for literal brackets",
            )
        token.meta = {"slug": slug, "position": position}

    def _attribute(self, token: Token, name: str, where: str) -> None:
        if name in token.attrs:
            value = str(token.attrs[name])
            for placeholder in self._placeholders(value):
                self._misplaced(placeholder, where)
            token.attrs[name] = self.body.restore(value)

    def _placeholders(self, text: str) -> Iterator[Placeholder]:
        return (piece for piece in self.body.split(text) if isinstance(piece, Placeholder))

    def _misplaced(self, placeholder: Placeholder, where: str) -> None:
        if placeholder.fault is None:
            self._add(
                "expression-place",
                placeholder.position,
                f"{{{{ … }}}} is not allowed in {where}",
                "move it into the text",
            )

    def _add(self, rule: str, position: Position, message: str, expected: str) -> None:
        self.findings.add(rule, position, message, expected)


_NOT_IN_HOST = "{{ … }} is not allowed in the host name of a link"
_NOT_IN_TITLE = {
    "link_open": "a link",
    "image": "an image",
    "footnote_ref": "a footnote",
    "dispatch_link": "a link to a dispatch",
}
_INSTEAD = {
    "link_open": "give the address as “link: …” under the title",
    "image": "move it into the text",
    "footnote_ref": "move it into the text",
    "dispatch_link": "move it into the text",
}
