"""From a dispatch file to an edition, with every finding on the way.

    check(newsroom, name, lists)    -> Checked: the dispatch, if it has no errors, and all problems
    compile_checked(newsroom, ...)  -> Edition

What the checker must know of the world (other dispatches, what was sent, fields of lists, images) is gathered here.
Raises UsageError for a dispatch or list that does not exist or cannot be read, DispatchError where no edition can be made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailer.audience.listfile import open_list
from mailer.dispatch.check import World, check_dispatch
from mailer.dispatch.model import Dispatch
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.problem import Problem, has_errors
from mailer.edition.compile import compile_edition
from mailer.edition.letter import image_files
from mailer.edition.model import Edition, Image
from mailer.edition.photo import PhotoError, load_image
from mailer.edition.publication import Reference
from mailer.errors import ProblemsFoundError, UsageError
from mailer.ledger.records import NewEdition
from mailer.service.newsroom import Newsroom
from mailer.service.readers import readable_lists
from mailer.workspace import starter


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A dispatch file, read. `dispatch` is None when it has errors of grammar; `images` are those that could be read."""

    path: Path
    shown: str
    dispatch: Dispatch | None
    problems: tuple[Problem, ...]
    images: Mapping[str, Image] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        return has_errors(self.problems)


class DispatchError(ProblemsFoundError):
    """A dispatch with errors, of which no edition can be made; `checked` has the findings."""

    def __init__(self, checked: Checked) -> None:
        super().__init__(
            f"{checked.shown} has errors; nothing was made of it.",
            f"Mend them first; see them with: mailer check {checked.shown}",
        )
        self.checked = checked


def check(newsroom: Newsroom, name: str, lists: Sequence[str] = ()) -> Checked:
    """Read and check the dispatch `name`, a path or a slug, for `lists`, else those it names, else every list."""
    path = newsroom.workspace.find_dispatch(name)
    shown = name if path in {Path(name), newsroom.workspace.root / name} else _relative(path)
    parsed = parse_dispatch(_read(path), shown, language=newsroom.settings.language)
    dispatch = parsed.guess
    if dispatch is None:
        return Checked(path=path, shown=shown, dispatch=None, problems=parsed.problems)
    titles = known_titles(newsroom)
    images: dict[str, Image] = {}
    faults: dict[str, str] = {}
    for file in image_files(dispatch):
        try:
            images[file] = load_image(path.parent / file, root=newsroom.workspace.root)
        except PhotoError as error:
            faults[file] = error.message
    world = World(
        slugs=titles,
        fields=_fields(newsroom, lists or dispatch.lists),
        probe_image=faults.get,
        has_copyright=bool(newsroom.settings.copyright_holder),
    )
    problems = (*parsed.problems, *check_dispatch(dispatch, world))
    ordered = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return Checked(path=path, shown=shown, dispatch=parsed.dispatch, problems=ordered, images=images, titles=titles)


def compile_checked(newsroom: Newsroom, checked: Checked) -> Edition:
    """The edition of a dispatch without errors. Raises DispatchError for one with errors, LayoutError for a template."""
    if checked.dispatch is None or checked.has_errors:
        raise DispatchError(checked)
    publication = newsroom.publication
    references = {
        slug: Reference(title=title, url=publication.archive_url(slug)) for slug, title in checked.titles.items()
    }
    return compile_edition(
        checked.dispatch,
        publication=publication,
        templates=(newsroom.workspace.templates, starter() / "templates"),
        references=references,
        images=checked.images,
    )


def stored_form(edition: Edition) -> NewEdition:
    """`edition` as the ledger keeps it."""
    return NewEdition(
        digest=edition.digest,
        slug=edition.slug,
        title=edition.title,
        subject=edition.subject,
        language=edition.language,
        json=edition.to_json(),
        images=edition.images,
    )


def known_titles(newsroom: Newsroom) -> dict[str, str]:
    """Slug -> title of what can be linked to: dispatches on disk, and what was sent."""
    titles: dict[str, str] = {}
    if newsroom.has_ledger:
        titles.update(newsroom.ledger.editions.sent_titles())
    for path in newsroom.workspace.dispatch_files():
        try:
            source = _read(path)
        except UsageError:  # it is another one that is being checked
            continue
        parsed = parse_dispatch(source, path.name, language=newsroom.settings.language)
        if parsed.dispatch is not None:
            titles[parsed.dispatch.slug] = parsed.dispatch.title
    return titles


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}).", "See to its permissions.") from None


def _fields(newsroom: Newsroom, names: Sequence[str]) -> dict[str, frozenset[str]]:
    """The reader fields of each list that is named, else of every list that can be read."""
    named = (open_list(newsroom.workspace.list_file(name), name) for name in names)
    return {source.name: source.columns.fields for source in (named if names else readable_lists(newsroom))}


def _relative(path: Path) -> str:
    """As it is reached from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
