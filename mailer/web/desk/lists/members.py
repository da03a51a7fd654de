"""The members of a list: paging and search, adding one by hand, and the export of all as CSV."""

from tempfile import TemporaryFile
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from mailer.addresses import mask_address, parse_address
from mailer.csv.list_errors import ListError
from mailer.errors import MailerError, NeedsConfirmationError, UsageError
from mailer.ledger.subscribers.member_search import LONGEST, PAGE
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.lists.export import export_list
from mailer.service.lists.member_edits import add_member, editable_fields
from mailer.web.desk.lists.list_path import ONE, name_of, needs_review, path_of, without_command
from mailer.web.desk.plain_language import describe_error
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute
from mailer.web.responses import chunks_of

FIELD = "field:"  # prefix of the form fields that are fields of the list
_COLUMNS = 3  # fields shown in the table


def _members(request: DeskRequest) -> Response:
    """Shows a page of members; for htmx, further rows of the table."""
    return _page(request)


def _page(request: DeskRequest, error: MailerError | None = None) -> Response:
    """`error`: why the posted form was refused; it keeps what was typed."""
    problem = " ".join(filter(None, describe_error(without_command(error)))) if error else ""
    name, words = name_of(request), request.query.get("q", "")[:LONGEST]
    found = request.app.ledger.member_search.page(name, words, request.query.get("after", ""))
    fields = editable_fields(request.app, name)
    return request.page(
        "member-rows" if request.is_partial else "members",
        status=422 if problem else 200,
        heading=f"Readers of “{name}”",
        typed=typed_fields(request),
        address=request.form.text("email"),
        problem=problem,
        is_blocked_by_file=error is not None and needs_review(error),
        name=name,
        words=words,
        found=found,
        fields=fields,
        columns=fields[:_COLUMNS],
        is_continued=bool(request.query.get("after")),
        may_have_more=bool(words and found.next and len(found.members) < PAGE),
    )


def _add(request: DeskRequest) -> Response:
    name = name_of(request)
    try:
        address = parse_address(request.form.text("email"))
        add_member(request.app, name, address, typed_fields(request), by=actor(request))
    except ListError:
        raise
    except (UsageError, NeedsConfirmationError) as error:
        return _page(request, error)
    request.record("list.add", name, mask_address(address.display))
    return request.redirect(f"{path_of(name)}/members", f"{address.display} is added to {name}.")


def _export(request: DeskRequest) -> Response:
    """Downloads the members as the ledger has them now."""
    name = name_of(request)
    file = TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - `chunks_of` closes it after the response
    try:
        count = export_list(request.app, name, file, raw=request.form.has("raw"))
        request.record("list.export", name, f"{count.rows:,} readers")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}-now.csv"}
    return StreamingResponse(chunks_of(file), media_type="text/csv; charset=utf-8", headers=headers)


def typed_fields(request: DeskRequest) -> dict[str, str]:
    """Returns the posted values of the list's fields."""
    names = (each for each in request.form.fields if each.startswith(FIELD))
    return {each.removeprefix(FIELD): request.form.text(each) for each in names}


ROUTES = (
    DeskRoute("GET", f"{ONE}/members", Role.ADMIN, _members),
    DeskRoute("POST", f"{ONE}/members", Role.ADMIN, _add),
    DeskRoute("POST", f"{ONE}/export", Role.ADMIN, _export),
)
