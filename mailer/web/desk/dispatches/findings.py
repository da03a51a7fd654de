"""The findings of a dispatch that is being written.

The editor's script requests them as JSON, with positions for its marks; without a script they are a page.
"""

from collections.abc import Sequence

from starlette.responses import Response

from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.dispatches.status import find_dispatch_summary
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.plain_language import finding_sentence
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute


def _findings(request: DeskRequest) -> Response:
    """Returns the findings of the saved text: JSON with marks for the script, a page for browsers without."""
    preview = request.previews.make(request.path["name"], request.has_left)
    if not request.wants_json:
        return request.page(
            "findings",
            heading=find_dispatch_summary(request.app, request.path["name"]).title,
            preview=preview,
            summary=count_findings(preview.problems) or "No problems found",
            name=request.path["name"],
        )
    fragment = request.page(
        "finding",
        heading="",
        preview=preview,
        summary=count_findings(preview.problems) or "No problems found",
        name=request.path["name"],
    )
    return request.json(
        {
            "digest": preview.digest,
            "size": preview.size,
            "letter": preview.edition is not None,
            "html": bytes(fragment.body).decode(),
            "marks": [_mark(problem, is_admin=request.user.role is Role.ADMIN) for problem in preview.problems],
        }
    )


def _mark(problem: Diagnostic, *, is_admin: bool) -> dict[str, object]:
    message = finding_sentence(problem, is_admin=is_admin)
    return {"line": problem.line, "column": problem.column, "severity": problem.severity.value, "message": message}


def count_findings(findings: Sequence[Diagnostic]) -> str:
    """Returns how many findings there are, by severity: “2 errors, 1 warning”."""
    counts = ((each.value, sum(finding.severity is each for finding in findings)) for each in Severity)
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts if count)


ROUTES = (DeskRoute("GET", f"{ONE}/findings", Role.WRITER, _findings),)
