"""Checks a dispatch file and compiles it to an edition, with all problems found.

    check_dispatch(app, name, lists)    -> CheckResult: the dispatch, if it has no errors, and all problems
    check_source(app, text, …)          -> the same for a text that is not in its file yet
    compile_checked(app, ...)           -> Edition

This module collects the context of the checks: other dispatches, past sends, fields of lists, images. Raises
UsageError for a dispatch or list that does not exist or cannot be read, DispatchError where no edition can be made.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailer.app import App
from mailer.dispatch.diagnostics import Diagnostic, Position, has_errors, in_order
from mailer.dispatch.model import Dispatch
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.reference_checks import CheckContext, check_in_context
from mailer.edition.compile import compile_edition, theme_faults
from mailer.edition.dispatch_view import Crop, cropped_files, image_files
from mailer.edition.images.loader import PhotoError, load_image
from mailer.edition.model import Edition, Image
from mailer.edition.publication import DispatchReference
from mailer.errors import ValidationFailedError
from mailer.ledger.types.editions_and_archive import NewEdition
from mailer.lint.findings import Finding, to_diagnostics
from mailer.service.dispatches.files import read_source
from mailer.service.dispatches.reference_targets import read_dispatch_index, reader_fields
from mailer.service.file_cache import cache_by_mtime
from mailer.workspace import starter_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """A dispatch file that was read. `dispatch` is None if it has syntax errors; `partial` is what could be read nevertheless.

    `lists` are those that it was checked for, if they were named. `images` and `crops` are those that could be read; `titles` and
    `sources` are of the other dispatches: slug -> title, and the name of a source -> the slug of a dispatch that has it;
    `unsent`: slugs that have no page in the archive; `dates`: slug -> date, of those on disk.
    """

    path: Path
    shown: str
    lists: tuple[str, ...] = ()
    dispatch: Dispatch | None
    problems: tuple[Diagnostic, ...]
    partial: Dispatch | None = None
    images: Mapping[str, Image] = field(default_factory=dict)
    crops: Mapping[Crop, Image] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    unsent: frozenset[str] = frozenset()
    dates: Mapping[str, dt.date] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        return has_errors(self.problems)


class DispatchError(ValidationFailedError):
    """A dispatch with errors, from which no edition can be made; `checked` has the problems."""

    def __init__(self, checked: CheckResult) -> None:
        super().__init__(
            f"{checked.shown} has errors; nothing was done.",
            f"Correct them first; to see them: mailer check {checked.shown}"
            + (f" --to {','.join(checked.lists)}" if checked.lists else ""),
        )
        self.checked = checked


def check_dispatch(app: App, name: str, lists: Sequence[str] = ()) -> CheckResult:
    """Reads and checks the dispatch `name`, a path or a slug, for `lists`, else those it names, else every list."""
    path = app.workspace.find_dispatch(name)
    return check_source(app, read_source(path), path, display_path(app, path, name), lists)


def display_path(app: App, path: Path, name: str) -> str:
    """Returns the path that problems show for a dispatch: as it was typed if that was a path, else relative to the current
    folder.
    """
    return name if path in {Path(name), app.workspace.root / name} else _relative(path)


def check_source(app: App, source: str | bytes, path: Path, shown: str, lists: Sequence[str] = ()) -> CheckResult:
    """Checks a text that the file at `path` need not contain; problems name it `shown`."""
    parsed = parse_dispatch(source, shown, language=app.settings.language)
    theme = tuple(_theme_problems(app))
    dispatch = parsed.partial
    if dispatch is None:
        return CheckResult(
            path=path, shown=shown, lists=tuple(lists), dispatch=None, problems=(*parsed.problems, *theme)
        )
    index = read_dispatch_index(app, path)
    images: dict[str, Image] = {}
    faults: dict[str, tuple[str, str]] = {}
    for file in image_files(dispatch):
        try:
            images[file] = _cached_image(path.parent / file, root=app.workspace.root)
        except PhotoError as error:
            faults[file] = _in_finding(error)
    crops: dict[Crop, Image] = {}
    for crop in cropped_files(dispatch):
        try:
            crops[crop] = _cached_image(path.parent / crop.file, root=app.workspace.root, crop=crop.size)
        except PhotoError as error:
            faults[crop.file] = _in_finding(error)
    fields = reader_fields(app, lists or dispatch.lists)
    is_complete = dispatch.fields <= frozenset().union(*fields.values())
    context = CheckContext(
        slugs=index.titles,
        fields=fields,
        other_fields=frozenset() if is_complete else frozenset().union(*reader_fields(app, ()).values()),
        probe_image=faults.get,
        has_copyright=bool(app.settings.copyright_holder),
    )
    return CheckResult(
        path=path,
        shown=shown,
        lists=tuple(lists),
        dispatch=parsed.dispatch,
        problems=(*in_order((*parsed.problems, *check_in_context(dispatch, context))), *theme),
        partial=dispatch,
        images=images,
        crops=crops,
        titles=index.titles,
        sources=index.sources,
        unsent=index.unsent,
        dates=index.dates,
    )


def compile_checked(app: App, checked: CheckResult, *, inlined: bool = True) -> Edition:
    """Compiles a dispatch without errors; an edition that is not `inlined` is for browsers only.

    Raises DispatchError for a dispatch with errors, LayoutError for a template.
    """
    if checked.dispatch is None or checked.has_errors:
        raise DispatchError(checked)
    publication = app.publication
    references = {
        slug: DispatchReference(title=title, url=publication.archive_url(slug), date=checked.dates.get(slug))
        for slug, title in checked.titles.items()
    }
    return compile_edition(
        checked.dispatch,
        publication=publication,
        templates=_templates(app),
        references=references,
        images=checked.images,
        crops=checked.crops,
        inlined=inlined,
        load=_cached_image,
    )


def edition_record(edition: Edition) -> NewEdition:
    """Returns `edition` as the ledger stores it."""
    return NewEdition(
        digest=edition.digest,
        slug=edition.slug,
        title=edition.title,
        subject=edition.subject,
        language=edition.language,
        json=edition.to_json(),
        images=edition.images,
    )


def _theme_problems(app: App) -> Iterator[Diagnostic]:
    """Yields the problems of the theme that the edition would have."""
    for fault in theme_faults(_templates(app), load=_cached_image):
        finding = Finding(rule="theme", message=fault.words, position=Position(fault.line))
        yield from to_diagnostics(_relative(fault.path), [finding])


def _templates(app: App) -> tuple[Path, Path]:
    return app.workspace.templates, starter_dir() / "templates"


@cache_by_mtime(maxsize=64)
def _cached_image(path: Path, *, root: Path, crop: tuple[int, int] | None = None) -> Image:
    return load_image(path, root=root, crop=crop)


def _in_finding(error: PhotoError) -> tuple[str, str]:
    """Returns message and remedy in the style of a finding."""
    return error.message, f"{error.next_step[:1].lower()}{error.next_step[1:]}".rstrip(".")


def _relative(path: Path) -> str:
    """Returns `path` relative to the current folder, if it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
