"""From a dispatch file to an edition, with every finding on the way.

    check(newsroom, name, lists)    -> Checked: the dispatch, if it has no errors, and all problems
    compile_checked(newsroom, ...)  -> Edition

What the checker must know of the world (other dispatches, what was sent, fields of lists, images) is gathered here.
Raises UsageError for a dispatch or list that does not exist, ProblemsFoundError where an edition cannot be made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailer.audience.listfile import ListError, open_list
from mailer.dispatch.check import World, check_dispatch
from mailer.dispatch.model import Dispatch
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.problem import Problem, has_errors
from mailer.edition.compile import compile_edition
from mailer.edition.letter import image_files
from mailer.edition.model import Edition, Image
from mailer.edition.photo import PhotoError, load_image
from mailer.edition.publication import Reference
from mailer.errors import ProblemsFoundError
from mailer.service.newsroom import Newsroom
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


def check(newsroom: Newsroom, name: str, lists: Sequence[str] = ()) -> Checked:
    """Read and check the dispatch `name`, a path or a slug, for `lists`, else those it names, else every list."""
    path = newsroom.workspace.find_dispatch(name)
    shown = name if Path(name).suffix else str(_relative(path))
    parsed = parse_dispatch(path.read_bytes(), shown, language=newsroom.settings.language)
    if parsed.dispatch is None:
        return Checked(path=path, shown=shown, dispatch=None, problems=parsed.problems)
    dispatch = parsed.dispatch
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
    return Checked(path=path, shown=shown, dispatch=dispatch, problems=ordered, images=images, titles=titles)


def compile_checked(newsroom: Newsroom, checked: Checked) -> Edition:
    """The edition of a dispatch without errors. Raises ProblemsFoundError for one with errors."""
    if checked.dispatch is None or checked.has_errors:
        raise ProblemsFoundError(
            f"{checked.shown} has errors; no edition can be made of it.", f"See them with: mailer check {checked.shown}"
        )
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


def known_titles(newsroom: Newsroom) -> dict[str, str]:
    """Slug -> title of what can be linked to: dispatches on disk, and what was sent."""
    titles: dict[str, str] = {}
    if newsroom.has_ledger:
        titles.update(newsroom.ledger.editions.sent_titles())
    for path in newsroom.workspace.dispatch_files():
        parsed = parse_dispatch(path.read_bytes(), path.name, language=newsroom.settings.language)
        if parsed.dispatch is not None:
            titles[parsed.dispatch.slug] = parsed.dispatch.title
    return titles


def _fields(newsroom: Newsroom, lists: Sequence[str]) -> dict[str, frozenset[str]]:
    """The reader fields of each list; a list among all of them that cannot be read is no finding of the dispatch's."""
    fields: dict[str, frozenset[str]] = {}
    for name in lists or newsroom.workspace.list_names():
        try:
            fields[name] = open_list(newsroom.workspace.list_file(name), name).columns.fields
        except ListError:
            if lists:
                raise
    return fields


def _relative(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
