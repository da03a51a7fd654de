"""Lists: their members, their settings, and syncing their files with the ledger.

Counts and exports are what a send would see now, including changes of the file that are not synced yet. A list's file belongs
to the admin; requests change it only by adding, editing or removing a row, by an undo, and by a sync that writes back.
"""

from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Annotated

from pydantic import ConfigDict, Field

from mailer.addresses import Address, mask_address, parse_address
from mailer.dispatch.did_you_mean import suggest
from mailer.errors import UsageError
from mailer.iso_time import format_iso
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.ledger.types.syncs import SyncPlan
from mailer.service.lists.export import export_list
from mailer.service.lists.member_edits import add_member, edit_member, editable_fields, remove_member
from mailer.service.lists.overview import list_overview_object, show_list
from mailer.service.lists.sync import plan_sync, sync_list, sync_plan_object
from mailer.service.lists.undo import plan_undo, undo_list
from mailer.web.api.request import ApiRequest, ApiResponse, ApiRoute
from mailer.web.api.schema import (
    Email,
    Name,
    Page,
    PageQuery,
    ReaderAddress,
    ReasonCount,
    Schema,
    ShortText,
    Text,
    make_cursor,
    read_cursor,
)

_LARGEST_SYNC = 2**63 - 1


class ListQuery(Schema):
    where: Annotated[Text, Field(description='Only members who match this expression: `city == "Lisbon"`.')] = ""


class MemberFilter(PageQuery):
    model_config = ConfigDict(json_schema_extra={"examples": [{"q": "lisbon"}]})

    q: Annotated[ShortText, Field(description="Only members with this text in address or fields.")] = ""


class ExportQuery(ListQuery):
    raw: Annotated[bool, Field(description="Do not escape cells that look like formulas.")] = False


class ListName(Schema):
    """A list. `people`, `rejected` and `sync` are those of its last sync; null before the first."""

    list: Annotated[str, Field(examples=["readers"])]
    people: int | None
    rejected: int | None
    sync: int | None


class Lists(Schema):
    lists: tuple[ListName, ...]


class SyncFacts(Schema):
    """A past sync. `undo_of`: it restored the list as it was after that sync."""

    sync: int
    at: str
    by: str
    undo_of: int | None
    people: int = 0
    joined: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    rejected: int = 0
    blocked: int = 0
    duplicates: int = 0
    patched: int = 0
    appended: int = 0


class ListDetails(Schema):
    """A list and its numbers. `to_mail`: how many members would get mail; `left_because`: reasons given for unsubscribing."""

    list: str
    where: str
    members: int
    to_mail: int
    reasons: Annotated[tuple[ReasonCount, ...], Field(description="Members who would get no mail, by reason.")]
    left_because: tuple[ReasonCount, ...]
    syncs: Annotated[tuple[SyncFacts, ...], Field(description="The last ten syncs.")]


class Member(Schema):
    """A member of a list. `reason`: why it would get no mail; empty if it would."""

    email: str
    reason: str
    joined: str
    fields: dict[str, str]


class Members(Page):
    members: tuple[Member, ...]


class NewMember(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "cleo@example.org", "fields": {"first_name": "Cleo"}}]}
    )

    email: Email
    fields: Annotated[dict[Name, Text], Field(max_length=200)] = Field(default_factory=dict)


class MemberEdit(Schema):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ana@example.com", "fields": {"city": "Faro"}}]}
    )

    email: Email
    fields: Annotated[dict[Name, Text], Field(max_length=200)]


class Line(Schema):
    """A row of the list's file."""

    line: int
    email: str


class FieldChange(Schema):
    field: str
    before: str
    after: str


class ChangedLine(Line):
    """A row with changed fields."""

    changes: tuple[FieldChange, ...]


class BlockedLine(Line):
    """A row that would resubscribe a person. `why`: the suppression that prevents it."""

    why: str


class SyncResult(Schema):
    """What a sync did, or would do: counts, and the first rows of each kind.

    `people`: in the file, each once; `joined`, `changed`, `removed`: members; `moved`: members with a new status by the file;
    `rejected`: rows without a valid address; `blocked`: rows of people who opted out; `duplicates`: further rows of a person;
    `patched`: rows that get a status and a date; `appended`: sign-ups that get a row; `erased_lines`: rows of erased readers, for
    you to delete from the file.
    """

    list: str
    sync: int | None
    planned: bool
    people: int
    joined: int
    changed: int
    moved: int
    removed: int
    rejected: int
    blocked: int
    duplicates: int
    patched: int
    appended: int
    encoding_changed: bool
    first_joined: tuple[Line, ...]
    first_changed: tuple[ChangedLine, ...]
    first_removed: tuple[str, ...]
    first_blocked: tuple[BlockedLine, ...]
    erased_lines: tuple[int, ...]
    findings: tuple[str, ...]
    unclear_columns: tuple[str, ...]


class SyncRequest(Schema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"allow_removals": False}]})

    allow_removals: Annotated[
        bool, Field(description="Continue even if more than a tenth of the members are removed.")
    ] = False


class UndoPlanQuery(Schema):
    to: Annotated[
        int | None,
        Field(
            ge=1,
            le=_LARGEST_SYNC,
            description="The number of a sync: restore the list as it was after it. By default, as it was before the last sync, "
            "or after it if the file has been changed since.",
        ),
    ] = None


class UndoRequest(UndoPlanQuery):
    model_config = ConfigDict(json_schema_extra={"examples": [{"to": 3}]})

    allow_removals: Annotated[
        bool, Field(description="Continue even if more than a tenth of the members are removed.")
    ] = False


def _names(request: ApiRequest) -> ApiResponse:
    """List the lists."""
    ledger = request.app.ledger
    states = {name: ledger.syncs.state(name) for name in request.app.workspace.list_names()}
    return ApiResponse(
        content=Lists(
            lists=tuple(
                ListName(
                    list=name,
                    people=state.people if state else None,
                    rejected=state.rejected if state else None,
                    sync=state.sync if state else None,
                )
                for name, state in states.items()
            )
        )
    )


def _show(request: ApiRequest) -> ApiResponse:
    """Count the members of a list: how many would get mail, and how many would not, by reason."""
    roster = show_list(request.app, request.path["list"], where=request.query(ListQuery).where, limit=0)
    values = {name: value for name, value in list_overview_object(roster).items() if name != "page"}
    return ApiResponse(content=ListDetails.of(values))


def _members(request: ApiRequest) -> ApiResponse:
    """List the members of a list, or those that match, by address, as of its last sync and with the changes since."""
    wanted, name = request.body(MemberFilter), request.path["list"]
    request.app.workspace.list_file(name)
    request.record_look("list.members", name)
    after = read_cursor(wanted.cursor, str)
    found = request.app.ledger.member_search.page(name, wanted.q, after[0] if after else "", limit=wanted.limit)
    members = tuple(
        Member(email=each.address, reason=each.reason, joined=format_iso(each.joined_at), fields=dict(each.fields))
        for each in found.members
    )
    return ApiResponse(content=Members(members=members, next=make_cursor(found.next) if found.next else ""))


def _add(request: ApiRequest) -> ApiResponse:
    """Add a member: add a row to the list's file, and sync it. Members, and people who opted out, are refused with 422."""
    wanted, name = request.body(NewMember), request.path["list"]
    address = parse_address(wanted.email)
    done = add_member(request.app, name, address, _known(request, wanted.fields), by=request.actor)
    return _amended(request, "list.add", address, done)


def _edit(request: ApiRequest) -> ApiResponse:
    """Change fields of a member: change the cells in the list's file, and sync it."""
    name, wanted = request.path["list"], request.body(MemberEdit)
    address, fields = parse_address(wanted.email), _known(request, wanted.fields)
    done = edit_member(request.app, name, address.identity, fields, by=request.actor)
    return _amended(request, "list.edit", address, done)


def _take_out(request: ApiRequest) -> ApiResponse:
    """Remove a member: remove the row from the list's file, and sync it."""
    name, address = request.path["list"], parse_address(request.body(ReaderAddress).email)
    return _amended(
        request, "list.remove", address, remove_member(request.app, name, address.identity, by=request.actor)
    )


def _amended(request: ApiRequest, action: str, address: Address, done: SyncPlan) -> ApiResponse:
    request.record(action, request.path["list"], mask_address(address.display))
    return outcome(done, planned=False)


def _known(request: ApiRequest, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Returns `fields`. Raises UsageError for one that the list does not have."""
    known = editable_fields(request.app, request.path["list"])
    for name in fields:
        if name not in known:
            hint = suggest(name, known) or f"use one of: {', '.join(known) or 'none'}"
            raise UsageError(f"fields: the list has no field “{name}”.", f"{hint[:1].upper()}{hint[1:]}")
    return fields


def _export(request: ApiRequest) -> ApiResponse:
    """Export the members of a list as CSV, with formulas escaped for spreadsheets."""
    wanted = request.query(ExportQuery)
    file = TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed once it was sent
    try:
        count = export_list(request.app, request.path["list"], file, where=wanted.where, raw=wanted.raw)
        request.record("list.export", request.path["list"], f"{count.rows:,} readers")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return ApiResponse(content=file, content_type="text/csv; charset=utf-8")


def _plan(request: ApiRequest) -> ApiResponse:
    """Show what a sync of a list would do. Nothing is changed."""
    return outcome(plan_sync(request.app, request.path["list"]), planned=True)


def _sync(request: ApiRequest) -> ApiResponse:
    """Sync the file of a list with the database.

    If more than a tenth of the members would be removed, the answer is 409 unless `allow_removals` is true.
    """
    name = request.path["list"]
    done = sync_list(request.app, name, by=request.actor, allow_removals=request.body(SyncRequest).allow_removals)
    request.record("list.sync", name, "" if done.sync is None else f"sync {done.sync}")
    return outcome(done, planned=False)


def _plan_undo(request: ApiRequest) -> ApiResponse:
    """Show what an undo of a list would do. Nothing is changed."""
    plan = plan_undo(request.app, request.path["list"], to=request.query(UndoPlanQuery).to)
    return outcome(plan, planned=True)


def _undo(request: ApiRequest) -> ApiResponse:
    """Restore the file of a list as an earlier sync left it. Later opt-outs and sign-ups are kept.

    If more than a tenth of the members would be removed, the answer is 409 unless `allow_removals` is true.
    """
    name, wanted = request.path["list"], request.body(UndoRequest)
    done = undo_list(request.app, name, to=wanted.to, by=request.actor, allow_removals=wanted.allow_removals)
    request.record("list.undo", name, "" if done.sync is None else f"sync {done.sync}")
    return outcome(done, planned=False)


def outcome(plan: SyncPlan, *, planned: bool) -> ApiResponse:
    """Returns what a sync did, or would do."""
    return ApiResponse(content=SyncResult.of(sync_plan_object(plan, planned=planned)))


ROUTES = (
    ApiRoute("GET", "/lists", Scope.LISTS_READ, _names, Lists),
    ApiRoute("GET", "/lists/{list}", Scope.LISTS_READ, _show, ListDetails, query=ListQuery),
    ApiRoute("POST", "/lists/{list}/members/search", Scope.LISTS_READ, _members, Members, body=MemberFilter),
    ApiRoute("POST", "/lists/{list}/members", Scope.LISTS_WRITE, _add, SyncResult, body=NewMember),
    ApiRoute("PATCH", "/lists/{list}/members", Scope.LISTS_WRITE, _edit, SyncResult, body=MemberEdit),
    ApiRoute("POST", "/lists/{list}/members/remove", Scope.LISTS_WRITE, _take_out, SyncResult, body=ReaderAddress),
    ApiRoute("GET", "/lists/{list}/export", Scope.LISTS_READ, _export, None, query=ExportQuery),
    ApiRoute("GET", "/lists/{list}/plan", Scope.LISTS_READ, _plan, SyncResult),
    ApiRoute("POST", "/lists/{list}/sync", Scope.LISTS_WRITE, _sync, SyncResult, body=SyncRequest),
    ApiRoute("GET", "/lists/{list}/undo", Scope.LISTS_READ, _plan_undo, SyncResult, query=UndoPlanQuery),
    ApiRoute("POST", "/lists/{list}/undo", Scope.LISTS_WRITE, _undo, SyncResult, body=UndoRequest),
)
