"""The editor of a dispatch, and saving what was typed in it.

The editor's script saves automatically and uses JSON; without a script the same routes answer forms with pages. If somebody
else changed the file meanwhile (`ChangedError`), the typed text is not lost: the page that reports the conflict contains it.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mailer.dispatch.fields.merge import FormValues
from mailer.edition.images.loader import LARGEST_FILE
from mailer.errors import MailerError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.dispatch_list import DispatchSummary, find_dispatch_summary
from mailer.service.dispatches.files import (
    LARGEST,
    ChangedError,
    DispatchFile,
    NoDispatchError,
    dispatch_path,
    read_dispatch,
    save_dispatch,
)
from mailer.service.dispatches.photos import SavedPhoto, save_photo
from mailer.service.dispatches.reference_targets import find_references, read_dispatch_index
from mailer.web.desk.dispatches.editor_form import EditorForm, merge_posted, show_again, show_form
from mailer.web.desk.dispatches.findings import changed_since_sent
from mailer.web.desk.dispatches.history import diff
from mailer.web.desk.dispatches.list import HERE, ONE
from mailer.web.desk.dispatches.preview import VIEWS
from mailer.web.desk.flash import Flash
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.send_form_tokens import new_form_token
from mailer.web.sse import ServerSentEvent

_LARGEST_FORM = 4 * LARGEST + LARGEST_FILE + 512 * 1024  # octets: a character may take four
_POLL_INTERVAL = 1.0  # seconds
_CLIP = 102 * 1024  # octets after which Gmail clips a message


def _edit(request: DeskRequest) -> Response:
    """Shows the editor. Its script requests the findings; the page links to them for browsers without scripts."""
    text = read_dispatch(request.app, request.path["name"])
    return _page(request, text, show_form(text.text))


def _page(
    request: DeskRequest, text: DispatchFile, form: EditorForm, *, status: int = 200, flash: Flash | None = None
) -> Response:
    summary = find_dispatch_summary(request.app, text.name)
    return request.page(
        "editor",
        status=status,
        flash=flash,
        heading=_title(summary, form),
        listed=summary,
        since_sent=changed_since_sent(request.app, summary),
        views=VIEWS,
        clip=_CLIP,
        today=_today(request),
        form_token=new_form_token(),
        **_form_context(request, form, text),
    )


def _title(summary: DispatchSummary, form: EditorForm) -> str:
    """Returns the title for the heading. A dispatch with a fault in its fields is listed by its name."""
    typed = form.values.front["title"] if form.values.front else ""
    return typed if summary.title == summary.name and isinstance(typed, str) and typed else summary.title


def _form_context(request: DeskRequest, form: EditorForm, text: DispatchFile) -> dict[str, Any]:
    titles = read_dispatch_index(request.app, dispatch_path(request.app, text.name)).titles
    return {
        "form": form,
        "front": form.values.front,
        "all_lists": request.app.workspace.list_names(),
        "titles": {slug: titles[slug] for slug in sorted(titles, reverse=True) if slug != text.name},
        "layout": _layout(form),
        "dispatch": text,
    }


def _today(request: DeskRequest) -> str:
    return dt.datetime.fromtimestamp(request.app.clock(), request.app.settings.timezone).date().isoformat()


def _save(request: DeskRequest) -> Response:
    """Saves the text with what the form changes in it. A form that is refused is shown again, with everything typed."""
    name, typed = request.path["name"], request.form.raw("text").replace("\r\n", "\n").replace("\r", "\n")
    is_manual = not request.form.has("auto")
    try:
        merged = merge_posted(request.form, typed, today=_today(request), photo=_save_photo(request))
        saved = save_dispatch(
            request.app, name, merged.text, base=request.form.text("base"), actor=request.user.name, step=is_manual
        )
    except ChangedError as error:
        return _conflict(request, error.now, merged.text)
    except NoDispatchError:
        raise
    except MailerError as error:
        if request.wants_json:
            raise
        return _refuse(request, typed, error)
    if is_manual:
        request.record("dispatch.save", name)
    if request.wants_json:
        return request.json(_describe(request, saved, typed=typed, posted=merged.posted))
    return request.redirect(f"{HERE}/{name}", "Saved.")


def _save_photo(request: DeskRequest) -> SavedPhoto | None:
    """Stores the photo above the note, if one was uploaded."""
    upload = request.form.upload("photo_file")
    if upload is None:
        return None
    read_dispatch(request.app, request.path["name"])
    photo = save_photo(request.app, upload.file, upload.name.rpartition(".")[0] or upload.name)
    request.record("dispatch.photo", request.path["name"], photo.file)
    return photo


def _refuse(request: DeskRequest, typed: str, error: MailerError) -> Response:
    message = Flash(" ".join(filter(None, describe_error(error))), bad=True)
    on_disk = read_dispatch(request.app, request.path["name"])
    text = replace(on_disk, text=typed, digest=request.form.text("base"))
    return _page(request, text, show_again(request.form, typed), status=422, flash=message)


def _conflict(request: DeskRequest, now: DispatchFile, typed: str) -> Response:
    if request.wants_json:
        return request.json(_describe(request, now), status=409)
    lines = diff(now.text, typed)
    return request.page(
        "conflict", status=409, heading="Someone else changed this dispatch", now=now, typed=typed, changes=lines
    )


def _describe(
    request: DeskRequest, text: DispatchFile, *, typed: str | None = None, posted: FormValues | None = None
) -> dict[str, object]:
    """Returns what the editor's script needs of the saved text: digest and title, where its articles are, and its form.

    `typed`: what the browser has; the text is left out if it is the same. `posted`: likewise the inputs of the form.
    """
    form = show_form(text.text)
    told: dict[str, object] = {
        "digest": text.digest,
        "words": len(text.text.split()),
        "title": _title(find_dispatch_summary(request.app, text.name), form),
        "shown": form.shown,
        "layout": _layout(form),
    }
    if text.text != typed:
        told["text"] = text.text
    if form.values != posted:
        fragment = request.page("editor-fields", heading="", **_form_context(request, form, text))
        told["html"] = bytes(fragment.body).decode()
    return told


def _layout(form: EditorForm) -> dict[str, object]:
    """Returns the lines that the script shows as fields: those of the front matter and of each article."""
    articles = [
        {"line": each.line, "last": each.last, "number": number}
        for number, each in enumerate(form.articles)
        if each.is_simple
    ]
    return {"has_fields": form.values.front is not None, "articles": articles}


async def _watch(request: DeskRequest) -> Response:
    """Streams an event whenever the file changes, whoever changed it."""
    name, base = request.path["name"], request.query.get("base", "")

    async def events() -> AsyncGenerator[ServerSentEvent, None]:
        before = base
        while True:
            try:
                now = await run_in_threadpool(read_dispatch, request.app, name)
            except NoDispatchError:
                yield ServerSentEvent(name="gone", data=name)
                return
            if now.digest != before:
                before = now.digest
                yield ServerSentEvent(name="changed", data=now.digest)
            await asyncio.sleep(_POLL_INTERVAL)

    return request.stream(events())


def _references(request: DeskRequest) -> Response:
    """Returns what the editor offers after “[[” and “{{”."""
    references = find_references(request.app, request.path["name"])
    titles = [{"slug": slug, "title": title} for slug, title in references.titles.items()]
    return request.json({"dispatches": titles, "fields": references.fields})


def _text(request: DeskRequest) -> Response:
    now = read_dispatch(request.app, request.path["name"])
    return request.json(_describe(request, now))


ROUTES = (
    DeskRoute("GET", ONE, Role.WRITER, _edit),
    DeskRoute("POST", ONE, Role.WRITER, _save, largest=_LARGEST_FORM),
    DeskRoute("GET", f"{ONE}/text", Role.WRITER, _text),
    DeskRoute("GET", f"{ONE}/references", Role.WRITER, _references),
    DeskRoute("GET", f"{ONE}/changes", Role.WRITER, _watch),
)
