"""Renders the public pages: templates of templates/pages, in the publication's language or that of one list.

Templates of the workspace take precedence. A broken one is logged and replaced by the packaged one, so that no template
error keeps a reader from unsubscribing. Where a language has no catalogue the texts are English, and the page's `lang`
says so to screen readers.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from mailer.app import App
from mailer.edition.template_loader import FallbackTemplates
from mailer.i18n.translations import LANGUAGES, effective_language
from mailer.service.page_context import page_context
from mailer.service.public_urls import LANGUAGE, PublicUrls, language_query
from mailer.web.responses import HTML, NO_STORE, respond


class PageRenderer:
    """Renders pages in `language`; "": that of the publication.

    `root` is the path of the site, without a slash at its end: "" on a host of its own.
    """

    def __init__(self, app: App, language: str = "") -> None:
        self._app = app
        self.root = urlsplit(app.publication.base_url).path.rstrip("/")
        self.language = effective_language(language or app.publication.language)
        self._templates = FallbackTemplates(app.workspace.templates)
        self.site = PublicUrls(f"{self.root}/", query=language_query(self.language, app.publication.language))
        self._context = page_context(app, self.language, root=self.root, site=self.site)

    def in_language(self, language: str) -> "PageRenderer":
        """Returns a renderer for `language`: this one if the language is the same, or ""."""
        return (
            self if not language or effective_language(language) == self.language else PageRenderer(self._app, language)
        )

    @property
    def preferences(self) -> str:
        """The path of the page where readers get a link to their preferences."""
        return str(self._context["preferences"])

    @property
    def signup(self) -> str:
        """The path of the page with the lists that anybody may join."""
        return str(self._context["signup"])

    def for_request(self, request: Request) -> "PageRenderer":
        """Returns a renderer for the language that a link from a page in this language names."""
        language = request.query_params.get(LANGUAGE, "")
        return self.in_language(language if language in LANGUAGES else "")

    def gettext(self, message: str, **values: str) -> str:
        """Returns `message` translated, each value isolated from the direction of the text."""
        return str(self._context["say"](message, **values))

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] = NO_STORE, **context: object
    ) -> Response:
        """Renders templates/pages/`template`.html.j2; `heading` is its title."""
        text = self.text(f"pages/{template}.html.j2", **context)
        return respond(text, HTML, status=status, headers={"Content-Language": self.language, **headers})

    def message(
        self,
        heading: str,
        *sentences: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        link: tuple[str, str] = ("", ""),
        has_contact: bool = False,
    ) -> Response:
        """Renders a page of a heading and sentences, which are translated here. Browsers do not store it.

        `link`: the path and the text of a link below them. `has_contact`: the address to write to follows the sentences.
        """
        return self.page(
            "message",
            status=status,
            headers={**NO_STORE, **(headers or {})},
            heading=self.gettext(heading),
            sentences=[self.gettext(sentence) for sentence in sentences],
            has_contact=has_contact,
            path=link[0],
            label=self.gettext(link[1]),
        )

    def text(self, template: str, **context: object) -> str:
        """Renders a template: the workspace's, or the packaged one if that is broken."""
        return self._templates.render(template, {**self._context, **context})
