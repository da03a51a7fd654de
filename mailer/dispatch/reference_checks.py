"""Checks a dispatch against its context: other dispatches, lists, images, settings.

The caller passes the context; only its `probe_image` reads files.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Diagnostic, Position, abbreviate
from mailer.dispatch.did_you_mean import suggest, suggest_slug
from mailer.dispatch.model import Dispatch, image_file, inline_tokens, walk_articles

HINTS = 100  # names of one kind; each is compared with all that are known, so with more the time would grow with their product

SHOWN_FIELDS = 30  # fields of the lists in a suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """The context that a dispatch is checked against.

    `slugs`: slug -> title of every other dispatch and sent edition; this one's may be among them.
    `fields`: list -> the fields of its readers, for each list that the send goes to; empty: fields are not checked.
    `other_fields`: the fields of the other lists of the workspace.
    `probe_image`: a path as typed, relative to the dispatch -> what is wrong with that image, and what to do; or None.
    `has_copyright`: whether the settings have a copyright line.
    """

    slugs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    other_fields: frozenset[str] = frozenset()
    probe_image: Callable[[str], tuple[str, str] | None]
    has_copyright: bool = False


def check_in_context(dispatch: Dispatch, context: CheckContext) -> list[Diagnostic]:
    """Returns the diagnostics that parsing cannot make, in source order."""
    findings = DiagnosticCollector(dispatch.path)
    check_slug = _SlugCheck(dispatch, context, findings)
    for earlier in dispatch.earlier:
        if earlier.slug:
            check_slug(earlier.slug, earlier.position)
    for token in inline_tokens(dispatch):
        if token.type == "dispatch_link":
            check_slug(token.meta["slug"], token.meta["position"])
    for path, position in _image_files(dispatch):
        if problem := context.probe_image(path):
            findings.add("image-file", position, *problem)
    _check_fields(dispatch, context, findings)
    if not "".join(piece if isinstance(piece, str) else piece.text({}) for piece in dispatch.subject).strip():
        message = "the subject is empty for a reader without any fields"
        findings.add("subject-empty", _subject(dispatch), message, 'add a default: {{ reader.… or "…" }}')
    if not dispatch.copyright and not context.has_copyright:
        expected = "add copyright: … to the fields at the top"
        findings.add("no-copyright", Position(), "there is no copyright line", expected)
    return list(findings.in_order())


class _SlugCheck:
    """Reports links to dispatches that do not exist, and to the dispatch itself."""

    def __init__(self, dispatch: Dispatch, context: CheckContext, findings: DiagnosticCollector) -> None:
        self._own, self._known, self._findings = dispatch.slug, context.slugs, findings
        self._others = [known for known in context.slugs if known != dispatch.slug]
        self._hint = _FewHints(suggest_slug)

    def __call__(self, slug: str, position: Position) -> None:
        if slug == self._own:
            expected = suggest("", self._others) or "link to a different one"
            self._findings.add("self-link", position, f"“{slug}” is this dispatch itself", expected)
        elif slug not in self._known:
            expected = self._hint(slug, self._others)
            self._findings.add("unknown-dispatch", position, f"there is no dispatch “{slug}”", expected)


class _FewHints:
    """The suggestions of `suggest_name` for the first HINTS names; "" for further ones."""

    def __init__(self, suggest_name: Callable[[str, Collection[str]], str]) -> None:
        self._suggest = suggest_name
        self._left = HINTS

    def __call__(self, name: str, known: Collection[str]) -> str:
        self._left -= 1
        return self._suggest(name, known) if self._left >= 0 else ""


def _image_files(dispatch: Dispatch) -> Iterator[tuple[str, Position]]:
    """Yields the path of each image file, as typed, and its position."""
    if dispatch.photo and dispatch.photo.file:
        yield dispatch.photo.file, dispatch.photo.position
    if dispatch.editor and dispatch.editor.photo:
        yield dispatch.editor.photo, dispatch.editor.position
    for article in walk_articles(dispatch.articles):
        if article.image:
            yield article.image, article.image_position
    for token in inline_tokens(dispatch):
        if token.type == "image" and (path := image_file(token)):
            yield path, token.meta["position"]


def _check_fields(dispatch: Dispatch, context: CheckContext, findings: DiagnosticCollector) -> None:
    if not context.fields:
        return
    known = frozenset().union(*context.fields.values())
    names = ", ".join(sorted(context.fields))
    lists = f"the list {names} has" if len(context.fields) == 1 else f"none of the lists {names} has"
    negated, hint = " no" if len(context.fields) == 1 else " a", _FewHints(_suggest_field)
    for expression in dispatch.expressions:
        for name in sorted(expression.fields - known):
            if name in context.other_fields and expression.has_default:
                message = (
                    f"{lists}{negated} field “{name}”, so each reader gets “{abbreviate(expression.text({}), 30)}”"
                )
                findings.add("default-for-all", expression.position, message)
                continue
            findings.add("unknown-field", expression.position, f"{lists}{negated} field “{name}”", hint(name, known))


def _suggest_field(name: str, known: Collection[str]) -> str:
    """Suggests the nearest of the fields `known`; else what to do, with the first of them."""
    if not known:
        return "add the column, or remove this part of the dispatch"
    suggested = suggest(name, known)
    if suggested.startswith("did you mean"):
        return suggested
    shown = sorted(known)[:SHOWN_FIELDS]
    more = f" and {len(known) - len(shown):,} more" if len(known) > len(shown) else ""
    return f"add the column, remove this part of the dispatch, or use a field that exists: {', '.join(shown)}{more}"


def _subject(dispatch: Dispatch) -> Position:
    return next((piece.position for piece in dispatch.subject if not isinstance(piece, str)), Position())
