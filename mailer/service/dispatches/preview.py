"""Previews of a dispatch while it is being written. Nothing is written to disk, and nothing is sent.

    compile_draft(app, source, path)          checks a text and compiles it, if it has no errors, quickly, to be shown at once
    lint_draft(app, draft)                    compiles it as it would be sent, and runs all checks of `mailer check`
    render_preview(edition, values, …)        what one reader sees: subject, HTML for a colour scheme, plain text
    reader_values(app, email, …)              the values of a subscriber's merge fields
    made_up_fields(text, …)                   the fields of a made-up reader
    PreviewCache(app, media, gate)            the previews of the desk's dispatches

`source` need not be the file's content; `path` is where the file is, or would be; images are relative to it. Blocking. Raises
UsageError for a list or subscriber that does not exist, LayoutError for an invalid template.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from pathlib import Path

from mailer.app import App
from mailer.csv.rows import Member
from mailer.dispatch.diagnostics import Diagnostic
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, Image
from mailer.link_tokens import PLACEHOLDER
from mailer.service.dispatches.check_and_compile import CheckResult, check_source, compile_checked
from mailer.service.dispatches.check_concurrency import CheckGate
from mailer.service.dispatches.files import DispatchFile, dispatch_path, read_dispatch
from mailer.service.dispatches.lint import lint_edition, lint_partial
from mailer.service.dispatches.sample_message import SAMPLE_ADDRESS, made_up_fields
from mailer.service.lists.recipient_lookup import find_recipient, open_lists

DEVICES: Mapping[str, int] = {"phone": 375, "tablet": 768, "desktop": 1280}
"""The widths, in pixels, of the previews."""

KEPT_PREVIEWS = 12  # dispatches

NO_READER = ReaderValues(token=PLACEHOLDER)
"""No subscriber: all fields empty, placeholder links."""

_SCHEMES = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)")
_TAG = r"(?:[^>\"']|\"[^\"]*\"|'[^']*')*>"  # the rest of a tag, a > in its attributes too
_STYLE = re.compile(rf"<style\b{_TAG}.*?</style>", re.DOTALL)
_IMAGE = re.compile(rf"<img\b{_TAG}")
_SOURCE = re.compile(r"""(\ssrc=)(?:"[^"]*"|'[^']*')""")
_LINK = re.compile(r"""<a(?=\s)(?=[^>]*?\shref=["'](?!#))""")
_HEAD_END = "</head>"


class ColorScheme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewDraft:
    """A text that was checked. `edition` is None if there are errors among the problems, which are in source order.

    Until it `is_final` its styles are not inlined: it looks the same in a browser, but its digest is not that of a send.
    """

    source: str
    checked: CheckResult
    edition: Edition | None
    is_final: bool = False

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        return self.checked.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPreview:
    """The message as one reader sees it. `html` is a whole document for a browser, `mailed` the HTML as it is sent."""

    subject: str
    html: str
    text: str
    mailed: str

    @property
    def size(self) -> int:
        """The size in octets of the HTML, which Gmail clips near 102 KB."""
        return len(self.mailed.encode())


def compile_draft(
    app: App, source: str | bytes, path: Path, *, shown: str = "", lists: Sequence[str] = ()
) -> PreviewDraft:
    """Checks `source` and compiles it for a browser; problems name it `shown`, or by its `path`. Checked for `lists`, as by
    `check`.
    """
    checked = check_source(app, source, path, shown or str(path), lists)
    has_letter = checked.dispatch is not None and not checked.has_errors
    edition = compile_checked(app, checked, inlined=False) if has_letter else None
    text = source if isinstance(source, str) else source.decode("utf-8-sig", "replace")
    return PreviewDraft(source=text, checked=checked, edition=edition)


def lint_draft(app: App, made: PreviewDraft, *, go_on: Callable[[], None] = lambda: None) -> PreviewDraft:
    """Returns `made` compiled as it would be sent, with all problems that `mailer check` reports.

    `go_on` is called between the steps; what it raises ends the check.
    """
    if made.edition is None:
        return replace(made, checked=lint_partial(made.checked), is_final=True)
    go_on()
    edition = compile_checked(app, made.checked)
    return replace(made, checked=lint_edition(app, made.checked, edition, go_on=go_on), edition=edition, is_final=True)


def render_preview(
    edition: Edition,
    values: ReaderValues = NO_READER,
    *,
    media: str,
    scheme: ColorScheme | None = None,
    images: bool = True,
) -> RenderedPreview:
    """Renders an edition as a reader with `values` sees it.

    In the browser its images are below the path `media`, which ends with a slash; links open in a new tab. With a `scheme` it
    is light or dark whatever the browser's setting; without `images` their alternative texts are shown.
    """
    key = edition.key_for(values)
    variant = edition.variant(key)
    html = fill(edition.variant(key, browser=True).html, values)
    for image in edition.images:
        html = html.replace(escape(edition.media_url + image.name), escape(media + image.name))
    html = _LINK.sub('<a target="_blank" rel="noopener noreferrer"', html)
    if not images:
        html = _IMAGE.sub(lambda tag: _SOURCE.sub(r'\1"data:,"', tag[0]), html)
    if scheme is not None:
        html = force_color_scheme(html, scheme)
    return RenderedPreview(
        subject=" ".join(fill(variant.subject, values).split()),
        html=html,
        text=fill(variant.text, values),
        mailed=fill(variant.html, values),
    )


def force_color_scheme(html: str, scheme: ColorScheme) -> str:
    """Returns `html` as a mail client in light or dark mode shows it, whatever the browser's own mode."""

    def decided(condition: re.Match[str]) -> str:
        return "(min-width: 0)" if condition[1] == scheme else "(max-width: 0)"

    html = _STYLE.sub(lambda style: _SCHEMES.sub(decided, style[0]), html)
    forced = f"<style>:root {{ color-scheme: {scheme} !important }}</style>"
    return html.replace(_HEAD_END, forced + _HEAD_END, 1)


def reader_values(app: App, email: str, lists: Sequence[str], fields: frozenset[str]) -> ReaderValues:
    """Returns the values of `fields` of the subscriber with this address on one of `lists`, else on any."""
    recipient = find_recipient(app, email, lists, fields)
    return ReaderValues(fields=recipient.fields, address=recipient.address, token=PLACEHOLDER)


def sample_addresses(app: App, lists: Sequence[str], limit: int) -> tuple[str, ...]:
    """Returns the first addresses of `lists`, else of all lists, at most `limit`, to choose one for a preview."""
    found: dict[str, None] = {}
    for source in open_lists(app, lists):
        for row in source.rows(frozenset()):
            if isinstance(row, Member):
                found[row.address.envelope] = None
            if len(found) == limit:
                return tuple(found)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPreview:
    """`digest` is that of the text, `changed_at` the time of its last change. `edition` is None while there are errors; then
    `before` is the last edition that could be made, of a text that was changed at `before_at`.
    """

    digest: str
    changed_at: float
    problems: tuple[Diagnostic, ...]
    edition: Edition | None
    before: Edition | None = None
    before_at: float = 0
    size: int = 0
    """Octets of the HTML, for a reader without any fields."""
    is_final: bool = False
    """Whether the text was linted."""

    @property
    def shown_edition(self) -> Edition | None:
        """The edition to show."""
        return self.edition or self.before

    @property
    def shown_at(self) -> float:
        """The time when the text of the edition to show was changed last."""
        return self.changed_at if self.edition else self.before_at


class PreviewCache:
    """The previews of dispatches that are being written at the desk.

    A text is compiled once for each state of its file, and the previews of the last KEPT_PREVIEWS dispatches are kept. While a
    text has errors, the last edition that could be made is shown. `media` is the path under which the desk serves the images,
    ending with a slash. Each check and each compiling waits for its turn at the `gate` of the site.
    """

    def __init__(self, app: App, media: str, gate: CheckGate) -> None:
        self._app = app
        self._media = media
        self._turns = gate
        self._gate = threading.Lock()
        self._made: OrderedDict[str, CachedPreview] = OrderedDict()

    def make(self, name: str, has_left: Callable[[], bool] = lambda: False) -> CachedPreview:
        """Checks and compiles the dispatch as it is now. The check is the same for all that wait for it with the same text.

        Raises ClientLeftError once `has_left` says that the client has left, TooManyChecksError.
        """
        with self._gate:
            before = self._made.get(name)
        digest = read_dispatch(self._app, name).digest
        with self._turns.turn(name, has_left) as go_on:
            with self._gate:
                kept = self._made.get(name)
            if kept is not None and kept is not before and kept.is_final and kept.digest == digest:
                return kept  # made while this request waited
            now, made = self._drafted(name)
            made = lint_draft(self._app, made, go_on=go_on)
            size = render_preview(made.edition, media=self._media).size if made.edition else 0
            preview = CachedPreview(
                digest=now.digest,
                changed_at=now.changed_at,
                problems=made.problems,
                edition=made.edition,
                size=size,
                is_final=True,
            )
            return self._keep(name, preview)

    def get(
        self,
        name: str,
        digest: str,
        *,
        reader: str = "",
        made_up: bool = False,
        scheme: ColorScheme | None = None,
        images: bool = True,
        has_left: Callable[[], bool] = lambda: False,
    ) -> RenderedPreview | None:
        """Renders the preview for `reader`, an address on a list or fields of a `made_up` one, or with all fields empty; None if
        there has been no edition yet.

        `digest` names the state of the text to show. A text that was not linted yet is shown nevertheless, since linting takes
        longer than compiling for a browser.
        """
        with self._gate:
            preview = self._made.get(name)
        if preview is None or preview.digest != digest:
            with self._turns.turn(name, has_left):
                preview = self._draft(name)
        if preview.shown_edition is None:
            return None
        fields, values = preview.shown_edition.fields, NO_READER
        if reader and made_up:
            values = ReaderValues(fields=made_up_fields(reader, fields), address=SAMPLE_ADDRESS, token=PLACEHOLDER)
        elif reader:
            values = reader_values(self._app, reader, (), fields)
        return render_preview(preview.shown_edition, values, media=self._media, scheme=scheme, images=images)

    def _draft(self, name: str) -> CachedPreview:
        """Compiles the dispatch for a browser, unless another request has compiled the same text meanwhile."""
        with self._gate:
            kept = self._made.get(name)
        if kept is not None and kept.digest == read_dispatch(self._app, name).digest:
            return kept
        now, made = self._drafted(name)
        draft = CachedPreview(
            digest=now.digest, changed_at=now.changed_at, problems=made.problems, edition=made.edition
        )
        return self._keep(name, draft)

    def _drafted(self, name: str) -> tuple[DispatchFile, PreviewDraft]:
        now = read_dispatch(self._app, name)
        path = dispatch_path(self._app, name)
        return now, compile_draft(self._app, now.text, path, shown=f"dispatches/{name}.md")

    def _keep(self, name: str, preview: CachedPreview) -> CachedPreview:
        """Caches `preview` in place of the earlier preview, whose edition it falls back on."""
        with self._gate:
            earlier = self._made.pop(name, None)
            if earlier:
                preview = replace(preview, before=earlier.shown_edition, before_at=earlier.shown_at)
            self._made[name] = kept = preview
            while len(self._made) > KEPT_PREVIEWS:
                self._made.popitem(last=False)
        return kept

    def image(self, name: str) -> Image | None:
        """Returns an image of a cached preview."""
        with self._gate:
            letters = [each.shown_edition for each in self._made.values()]
        return next((image for letter in letters if letter for image in letter.images if image.name == name), None)
