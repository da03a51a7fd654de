"""What is wrong with a dispatch in the world it will go out into: other dispatches, lists, images, settings.

The world is handed in; nothing is read here but what its prober reads.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from markdown_it.token import Token

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Diagnostic, Position
from mailer.dispatch.did_you_mean import suggest, suggest_slug
from mailer.dispatch.model import Article, Block, Choice, Dispatch, Markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What a dispatch is checked against.

    `slugs`: slug -> title of every other dispatch and sent edition; this one's may be among them.
    `fields`: list -> the fields of its readers, for each list that the send goes to; none at all: fields go unchecked.
    `probe_image`: a path as typed, relative to the dispatch -> what is wrong with that image, or None.
    `has_copyright`: whether the settings have a copyright line.
    """

    slugs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    probe_image: Callable[[str], str | None]
    has_copyright: bool = False


def check_in_context(dispatch: Dispatch, world: CheckContext) -> list[Diagnostic]:
    """The findings that parsing cannot make, in source order."""
    findings = DiagnosticCollector(dispatch.path)
    for earlier in dispatch.earlier:
        if earlier.slug:
            _check_slug(earlier.slug, earlier.position, dispatch, world, findings)
    if dispatch.photo and dispatch.photo.file:
        _check_image(dispatch.photo.file, dispatch.photo.position, world, findings)
    for token in inline_tokens(dispatch):
        if token.type == "dispatch_link":
            _check_slug(token.meta["slug"], token.meta["position"], dispatch, world, findings)
        elif token.type == "image" and (path := image_file(token)):
            _check_image(path, token.meta["position"], world, findings)
    _check_fields(dispatch, world, findings)
    if not "".join(piece if isinstance(piece, str) else piece.text({}) for piece in dispatch.subject).strip():
        message = "the subject is empty for a reader without any fields"
        findings.add("subject-empty", _subject(dispatch), message, 'write {{ reader.… or "…" }}')
    if not dispatch.copyright and not world.has_copyright:
        expected = "write copyright: …, or set MAILER_COPYRIGHT_HOLDER"
        findings.add("no-copyright", Position(), "there is no copyright line", expected)
    return list(findings.in_order())


def image_file(token: Token) -> str | None:
    """The path of a body image that is a file, relative to the dispatch; None for one that has an address."""
    source = token.meta["src"]
    if len(source) == 1 and isinstance(source[0], str) and not source[0].lower().startswith("https:"):
        return source[0]
    return None


def inline_tokens(dispatch: Dispatch) -> Iterator[Token]:
    """Every inline token of a dispatch, those of all branches and footnotes, images before what is in their alt text."""
    yield from _in_blocks(dispatch.note)
    yield from _in_blocks(dispatch.articles)
    for tokens in dispatch.footnotes.values():
        yield from _in_tokens(tokens)


def text_tokens(dispatch: Dispatch) -> Iterator[Token]:
    """Every token that holds a run of text (`inline`), those of all branches and footnotes; not the articles' titles."""
    for block in _all_blocks((*dispatch.note, *dispatch.articles)):
        yield from (token for token in block.tokens if token.type == "inline")
    for tokens in dispatch.footnotes.values():
        yield from (token for token in tokens if token.type == "inline")


def _all_blocks(items: tuple[Block | Article, ...]) -> Iterator[Markdown]:
    for item in items:
        match item:
            case Markdown():
                yield item
            case Article(body=body):
                yield from _all_blocks(body)
            case Choice(branches=branches):
                for branch in branches:
                    yield from _all_blocks(branch.items)


def _in_blocks(items: tuple[Block | Article, ...]) -> Iterator[Token]:
    for item in items:
        match item:
            case Markdown():
                yield from _in_tokens(item.tokens)
            case Article():
                yield from item.title
                yield from _in_blocks(item.body)
            case Choice():
                for branch in item.branches:
                    yield from _in_blocks(branch.items)


def _in_tokens(tokens: tuple[Token, ...] | list[Token]) -> Iterator[Token]:
    for token in tokens:
        if not token.block:
            yield token
        if token.children:
            yield from _in_tokens(token.children)


def _check_slug(
    slug: str, position: Position, dispatch: Dispatch, world: CheckContext, findings: DiagnosticCollector
) -> None:
    others = [known for known in world.slugs if known != dispatch.slug]
    if slug == dispatch.slug:
        findings.add(
            "self-link", position, f"“{slug}” is this dispatch itself", suggest("", others) or "link to another"
        )
    elif slug not in world.slugs:
        findings.add("unknown-dispatch", position, f"there is no dispatch “{slug}”", suggest_slug(slug, others))


def _check_image(path: str, position: Position, world: CheckContext, findings: DiagnosticCollector) -> None:
    trouble = world.probe_image(path)
    if trouble:
        findings.add("image-file", position, trouble)


def _check_fields(dispatch: Dispatch, world: CheckContext, findings: DiagnosticCollector) -> None:
    if not world.fields:
        return
    known = frozenset().union(*world.fields.values())
    names = ", ".join(sorted(world.fields))
    lists = f"the list {names} has" if len(world.fields) == 1 else f"none of the lists {names} has"
    negated = " no" if len(world.fields) == 1 else " a"
    for expression in dispatch.expressions:
        for name in sorted(expression.fields - known):
            findings.add("unknown-field", expression.position, f"{lists}{negated} field “{name}”", suggest(name, known))


def _subject(dispatch: Dispatch) -> Position:
    return next((piece.position for piece in dispatch.subject if not isinstance(piece, str)), Position())
