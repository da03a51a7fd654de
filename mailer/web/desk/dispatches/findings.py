"""The findings of a dispatch that is being written.

The editor's script requests them as JSON, with positions for its marks; without a script they are a page.
"""

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from mailer.app import App
from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.dispatch_list import DispatchStatus, DispatchSummary, find_dispatch_summary
from mailer.service.dispatches.preview import CachedPreview
from mailer.service.sends.eta import format_time
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.plain_language import finding_sentence
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute

_FROZEN = frozenset({DispatchStatus.SCHEDULED, DispatchStatus.SENDING, DispatchStatus.SENT})


def _findings(request: DeskRequest) -> Response:
    """Returns the findings of the saved text: JSON with marks for the script, a page for browsers without."""
    preview = request.previews.make(request.path["name"], request.has_left)
    outdated = _outdated(request, preview)
    context: dict[str, Any] = {
        "preview": preview,
        "outdated": outdated,
        "summary": count_findings(preview.problems) or "No problems found",
        "severities": {each.severity.value for each in preview.problems},
        "name": request.path["name"],
    }
    if not request.wants_json:
        heading = find_dispatch_summary(request.app, request.path["name"]).title
        return request.page("findings", heading=heading, **context)
    fragment = request.page("finding", heading="", **context)
    return request.json(
        {
            "digest": preview.digest,
            "size": preview.size,
            "outdated": outdated,
            "since_sent": changed_since_sent(request.app, find_dispatch_summary(request.app, request.path["name"])),
            "html": bytes(fragment.body).decode(),
            "marks": [_mark(problem, is_admin=request.user.role is Role.ADMIN) for problem in preview.problems],
        }
    )


def _outdated(request: DeskRequest, preview: CachedPreview) -> str:
    """Returns from when the text is that the preview shows; "" if it is the present one."""
    if preview.edition:
        return ""
    if preview.before is None:
        return "Fix the errors to see a preview."
    app = request.app
    when = format_time(preview.shown_at, app.clock(), app.settings.timezone)
    return f"The preview shows the text as it was {when}. It follows when the errors are fixed."


def changed_since_sent(app: App, summary: DispatchSummary) -> str:
    """Returns what to know about a dispatch that was changed after its text was frozen for a send; "" if it was not.

    A dispatch whose archive page was corrected later is not reported.
    """
    send = summary.send
    if send is None or summary.status not in _FROZEN or summary.changed_at <= send.created_at:
        return ""
    if summary.status is not DispatchStatus.SENT:
        return "You have changed it since; this send keeps the earlier text. For the new one, cancel the send and send it again."
    shown = next((each for each in app.ledger.editions.archive() if each.slug == send.slug), None)
    if shown is not None and shown.changed_at >= summary.changed_at:
        return ""
    return "You have changed it since it was sent; readers and the archive keep the sent text. An admin can correct the archive."


def _mark(problem: Diagnostic, *, is_admin: bool) -> dict[str, object]:
    message = finding_sentence(problem, is_admin=is_admin)
    return {"line": problem.line, "column": problem.column, "severity": problem.severity.value, "message": message}


def count_findings(findings: Sequence[Diagnostic]) -> str:
    """Returns how many findings there are, by severity: “2 errors, 1 suggestion”."""
    names = {each: "suggestion" if each is Severity.NOTE else each.value for each in Severity}
    counts = ((names[each], sum(finding.severity is each for finding in findings)) for each in Severity)
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts if count)


ROUTES = (DeskRoute("GET", f"{ONE}/findings", Role.WRITER, _findings),)
