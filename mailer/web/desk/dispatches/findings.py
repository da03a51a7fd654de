"""The findings of a dispatch that is being written: in groups, each with a field or a button that fixes it.

The editor's script requests them as JSON, with positions for its marks; without a script they are a page. A rule is ignored
by a comment in the dispatch, with a reason.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from mailer.app import App
from mailer.dispatch.diagnostics import Diagnostic, Severity
from mailer.dispatch.rule_catalogue import Rule
from mailer.errors import NeedsConfirmationError, UsageError
from mailer.ledger.types.roles_and_scopes import Role
from mailer.lint.rule_catalogue import RULEBOOK
from mailer.lint.source_fixes import Fix, add_field, check_again, find_fix, ignore_rule, read_ignored, replace_line
from mailer.service.dispatches.dispatch_list import DispatchStatus, DispatchSummary, find_dispatch_summary
from mailer.service.dispatches.files import read_dispatch, save_dispatch
from mailer.service.dispatches.preview import CachedPreview
from mailer.service.sends.eta import format_time
from mailer.web.desk.dispatches.list import ONE
from mailer.web.desk.plain_language import describe_error, finding_sentence
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.request_body import DeskForm

_GROUPS = {
    Severity.ERROR: "Fix before sending",
    Severity.WARNING: "Warnings",
    Severity.NOTE: "Suggestions",
}
_LABELS = {
    "alt": "Description for people who cannot see the photo",
    "credit": "Photographer or agency",
    "date": "Date",
    "language": "Language, such as he",
    "link": "Web address of the source",
    "source": "Source: the paper, or the author",
}
_KEY = re.compile(r"[a-z_]{1,40}")
_DEEPEST = 8  # spaces before a field
_FROZEN = frozenset({DispatchStatus.SCHEDULED, DispatchStatus.SENDING, DispatchStatus.SENT})


def _findings(request: DeskRequest) -> Response:
    """Returns the findings of the saved text: JSON with marks for the script, a page for browsers without."""
    preview = request.previews.make(request.path["name"], request.has_left)
    outdated = _outdated(request, preview)
    now = read_dispatch(request.app, request.path["name"])
    text = now.text if now.digest == preview.digest else ""
    context: dict[str, Any] = {
        "preview": preview,
        "groups": group_findings(preview.problems, text, f"dispatches/{now.name}.md"),
        "ignored": [(each, RULEBOOK.get(each.rule)) for each in read_ignored(text)],
        "base": preview.digest,
        "labels": _LABELS,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFindings:
    """The findings of one rule, each with its fix. `rule` is None if the catalogue does not have it."""

    rule: Rule | None
    findings: tuple[tuple[Diagnostic, Fix | None], ...]

    @property
    def may_be_ignored(self) -> bool:
        return self.rule is not None and self.rule.may_be_ignored and not self.rule.id.startswith("ignore-")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingGroup:
    """The findings of one severity, by rule."""

    severity: Severity
    title: str
    rules: tuple[RuleFindings, ...]


def group_findings(findings: Sequence[Diagnostic], text: str, path: str) -> tuple[FindingGroup, ...]:
    """Returns `findings` by severity and rule. Those in the file `path`, which contains `text`, have a fix."""
    groups = []
    for severity, title in _GROUPS.items():
        by_rule: dict[str, list[Diagnostic]] = {}
        for each in findings:
            if each.severity is severity:
                by_rule.setdefault(each.rule, []).append(each)
        rules = tuple(
            RuleFindings(
                rule=RULEBOOK.get(rule),
                findings=tuple((each, find_fix(text, each) if each.path == path else None) for each in found),
            )
            for rule, found in by_rule.items()
        )
        if rules:
            groups.append(FindingGroup(severity=severity, title=title, rules=rules))
    return tuple(groups)


def _fix(request: DeskRequest) -> Response:
    """Changes the text as a form of a finding says: a missing field, another line, an ignored rule, a rule to check again."""
    form, name = request.form, request.path["name"]
    now = read_dispatch(request.app, name)
    if form.text("base") != now.digest:
        raise NeedsConfirmationError("The dispatch has changed since this page was loaded.", "Load it again.")
    try:
        text = _changed_text(form, now.text)
    except UsageError as error:
        if request.wants_json:
            raise
        return request.redirect(f"{ONE.format(name=name)}/findings", " ".join(describe_error(error)), bad=True)
    saved = save_dispatch(request.app, name, text, base=now.digest, actor=request.user.name, step=True)
    request.record("dispatch.save", name)
    if request.wants_json:
        title = find_dispatch_summary(request.app, name).title
        return request.json({"text": saved.text, "digest": saved.digest, "title": title})
    return request.redirect(f"{ONE.format(name=name)}/findings", "Saved.")


def _changed_text(form: DeskForm, text: str) -> str:
    """Raises UsageError for a form without a value."""
    number = form.text("number")
    line = int(number) if number.isdecimal() and len(number) < 9 else 0
    if rule := form.text("check_again"):
        return check_again(text, rule)
    if rule := form.text("ignore"):
        reason = form.text("reason")
        if not reason:
            raise UsageError("The reason is missing.", "Say in a few words why this can stay.")
        if rule not in RULEBOOK or not RULEBOOK[rule].may_be_ignored:
            raise UsageError("This cannot be ignored.", "Fix what it reports.")
        return ignore_rule(text, rule, reason)
    if key := form.text("key"):
        value = " ".join(form.text("value").split())
        if not value or not _KEY.fullmatch(key):
            raise UsageError("The field is empty.", "Fill it in.")
        after = form.text("after")
        place = Fix(
            number=line,
            key=key,
            after=int(after) if after.isdecimal() and len(after) < 9 else 0,
            indent=" " * min(len(form.raw("indent")), _DEEPEST),
        )
        return add_field(text, place, value)
    return replace_line(text, line, " ".join(form.raw("line").splitlines()))


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
    sent = "You have changed it since it was sent; readers and the archive keep the sent text."
    return f"{sent} To correct the archive, open the send."


def _mark(problem: Diagnostic, *, is_admin: bool) -> dict[str, object]:
    message = finding_sentence(problem, is_admin=is_admin)
    return {"line": problem.line, "column": problem.column, "severity": problem.severity.value, "message": message}


def count_findings(findings: Sequence[Diagnostic]) -> str:
    """Returns how many findings there are, by severity: “2 errors, 1 suggestion”."""
    names = {each: "suggestion" if each is Severity.NOTE else each.value for each in Severity}
    counts = ((names[each], sum(finding.severity is each for finding in findings)) for each in Severity)
    return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts if count)


ROUTES = (
    DeskRoute("GET", f"{ONE}/findings", Role.WRITER, _findings),
    DeskRoute("POST", f"{ONE}/findings", Role.WRITER, _fix),
)
