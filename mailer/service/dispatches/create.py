"""Creates dispatch files: from a title, with a skeleton to fill in, or from the plain text of a past issue.

Raises UsageError.
"""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

from mailer.app import App
from mailer.atomic_files import create_file
from mailer.dispatch.slug import slugify
from mailer.errors import UsageError
from mailer.importers.model import ImportDoubt
from mailer.service.dispatches.files import LARGEST, source_digest
from mailer.service.dispatches.import_past_issues import read_issue
from mailer.service.lists.recipient_lookup import readable_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """A dispatch that was created from a past issue, and what the import was not sure of."""

    name: str
    doubts: tuple[ImportDoubt, ...]


def create_dispatch(app: App, title: str, *, by: str = "") -> Path:
    """Creates a dispatch with `title` and a skeleton to fill in. Returns its path.

    `by`: the user of the desk who creates it; they are its editor, and the history has it as their version.
    """
    title = " ".join(title.split())
    if not title:
        raise UsageError("A dispatch needs a title.")
    settings = app.settings
    today = dt.datetime.fromtimestamp(app.clock(), settings.timezone).date()
    path = app.workspace.dispatches / f"{today.isoformat()}-{slugify(title) or 'dispatch'}.md"
    greeting = 'Dear {{ reader.first_name or "reader" }},' if _have_first_names(app) else "Dear reader,"
    paper = settings.sender.name
    text = _skeleton(title, today, editor=by or paper, paper=paper, language=settings.language, greeting=greeting)
    text = text.replace(_HOW_TO, "") if by else text  # at the desk these lines are fields
    write_new_dispatch(app, path, text, by=by)
    return path


def import_text(app: App, text: str, *, by: str = "") -> ImportResult:
    """Creates a dispatch from the plain text of a past issue. `by`: as for create_dispatch."""
    if not text.strip():
        raise UsageError("The text is empty.", "Paste the whole issue, from its headline on.")
    if len(text) > LARGEST:
        raise UsageError(f"The text has more than {LARGEST:,} characters.", "Paste one issue at a time.")
    settings = app.settings
    today = dt.datetime.fromtimestamp(app.clock(), settings.timezone).date()
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    issue = read_issue(data, "The text", today=today, language=settings.language)
    path = app.workspace.dispatches / issue.file_name
    write_new_dispatch(app, path, issue.text, by=by)
    return ImportResult(name=path.stem, doubts=issue.doubts)


def write_new_dispatch(app: App, path: Path, text: str, *, by: str) -> None:
    """Writes the file of a new dispatch, and its first version by `by`, if given. Raises UsageError if it exists."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path, text.encode())
    except FileExistsError:
        if _is_repeated(app, path, text, by=by):
            return
        raise UsageError(f"{path} exists already.", "Choose a different title, or edit that dispatch.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from None
    if by:
        app.ledger.revisions.save(path.stem, text, digest=source_digest(text.encode()), actor=by, step=True)


def _is_repeated(app: App, path: Path, text: str, *, by: str) -> bool:
    """Whether the same form of the desk was posted before: the file has this text, and `by` created it."""
    try:
        is_same = bool(by) and path.read_bytes() == text.encode()
    except OSError:
        return False
    return is_same and any(each.actor == by for each in app.ledger.revisions.versions(path.stem))


def _have_first_names(app: App) -> bool:
    """Whether each list that can be read has a column of first names; without any list, none has."""
    fields = [source.columns.fields for source in readable_lists(app)]
    return bool(fields) and all("first_name" in each for each in fields)


_HOW_TO = " Each article begins with “##”; the lines under its title say where it comes from."


def _skeleton(title: str, today: dt.date, *, editor: str, paper: str, language: str, greeting: str) -> str:
    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string

    holder = f"copyright: {quoted(f'All notes and summaries copyright © {today.year} {paper}. All rights reserved.')}\n"
    signature = f"editor:\n  name: {quoted(editor)}\n  signature: {quoted(editor)}\n" if editor else ""
    return f"""\
---
title: {quoted(title)}
subject:    # of the e-mail; if you leave it empty, it is the title
preheader:  # what mail programs show after the subject
date: {today.isoformat()}
language: {language}
{signature}{holder if paper else ""}---

{greeting}

Write your note here.{_HOW_TO}

## The title of an article
source: The name of the paper
date: {today.isoformat()}
link: https://example.org/the-article

The text of the article.
"""
