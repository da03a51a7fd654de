"""The report of a send: its counts and charts, each recipient with the replies of servers, and the CSV download.

Counts are for every user of the desk, addresses of recipients only for those who may send.
"""

from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailer.app import App
from mailer.csv.formula_safe_writer import write_export
from mailer.delivery.states import DeliveryState
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import Send
from mailer.service.feedback.returned_report import GOOD_RATE, HIGHEST_RATE
from mailer.service.sends.eta import format_time
from mailer.service.sends.report import COLUMNS, build_report, report_rows
from mailer.web.desk import charts
from mailer.web.desk.plain_language import delivery_state, describe_attempt
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.delivery_charts import domain_bar, legend, plots, summary_bar
from mailer.web.desk.sends.send_lookup import SEND, send_number, source_of
from mailer.web.desk.status_labels import bounce_reason_label
from mailer.web.responses import chunks_of

HERE = f"{SEND}/report"
_PAGE_SIZE = 50
_MAX_OPT_OUTS = 50  # shown
_MAX_SEARCH = 200  # characters
_TONES = {
    DeliveryState.FAILED: "bad",
    DeliveryState.UNCERTAIN: "doubt",
    DeliveryState.DEFERRED: "warn",
    DeliveryState.SKIPPED: "faint",
}

_FILTERS = {
    **{each.value: (each,) for each in DeliveryState if each is not DeliveryState.CLAIMED},
    DeliveryState.SENDING.value: (DeliveryState.CLAIMED, DeliveryState.SENDING),
}
"""The states to choose from, by the value of the form field."""


def _report(request: DeskRequest) -> Response:
    report = build_report(request.app, request.broadcaster.snapshot(send_number(request)))
    snapshot, frozen = report.snapshot, report.snapshot.summary.frozen
    left_count, opt_outs = request.app.ledger.report.opt_outs(snapshot.send.id, limit=_MAX_OPT_OUTS)
    return request.page(
        "report",
        heading=snapshot.send.title,
        send=snapshot.send,
        source=source_of(request, snapshot.send),
        report=report,
        left_count=left_count,
        opt_outs=opt_outs if request.may(Role.EDITOR) else (),
        legend=legend(snapshot.summary),
        summary_bar=summary_bar(snapshot.summary),
        plots=plots(snapshot.pulse, request.app.settings.timezone),
        amount=charts.amount,
        domains=[(each, domain_bar(each.counts, each.total)) for each in snapshot.domains],
        reasons=[
            (each, charts.stack([charts.ChartPart(delivery_state(each.state), each.count, _TONES[each.state])], frozen))
            for each in report.reasons
        ],
        sends=[(each, summary_bar(each)) for each in report.summaries],
        accepted_bar=charts.stack(
            [charts.ChartPart("accepted", snapshot.summary.count(DeliveryState.ACCEPTED), "good")], frozen
        ),
        bounce_reason=bounce_reason_label,
        good_rate=GOOD_RATE,
        highest_rate=HIGHEST_RATE,
        is_active=False,
        clock=lambda at: format_time(at, snapshot.at, request.app.settings.timezone),
        share=lambda count, whole: f"{100 * count / whole:.1f} %" if whole else "–",
    )


def _recipients(request: DeskRequest) -> Response:
    """Shows a page of recipients after the delivery `after`, filtered by `state` and `q`."""
    query, send_id = request.query, send_number(request)
    state = query.get("state", "") if query.get("state") in _FILTERS else ""
    words = "".join(each for each in query.get("q", "") if each.isprintable()).strip()[:_MAX_SEARCH]
    after = _delivery_id(query.get("after", ""))
    found = request.app.ledger.stats.page(
        send_id, *_FILTERS.get(state, ()), words=words, after=after, limit=_PAGE_SIZE + 1
    )
    return request.page(
        "recipients",
        heading="Recipients",
        send=request.app.ledger.sends.get(send_id),
        rows=found[:_PAGE_SIZE],
        older=found[_PAGE_SIZE - 1].delivery_id if len(found) > _PAGE_SIZE else None,
        words=words,
        state=state,
        states=[(value, delivery_state(states[0])) for value, states in _FILTERS.items()],
        after=after,
    )


def _recipient(request: DeskRequest) -> Response:
    """Shows the attempts for one recipient, and what became of them."""
    send_id, report = send_number(request), request.app.ledger.report
    found = report.delivery(_delivery_id(str(request.path["delivery"])))
    if found is None or found.send_id != send_id:
        raise HTTPException(404)
    is_erased = "@" not in found.address
    return request.page(
        "recipient",
        heading="Erased reader" if is_erased else found.address,
        send=request.app.ledger.sends.get(send_id),
        delivery=found,
        suppression=request.app.ledger.suppressions.get(found.identity),
        attempts=() if is_erased else report.attempts(found.id),
        is_erased=is_erased,
        describe_attempt=describe_attempt,
    )


def _csv(request: DeskRequest) -> Response:
    """Downloads the report as CSV. It is written to a file first, so that a slow client keeps no transaction open."""
    send = request.app.ledger.sends.get(send_number(request))
    request.record("send.export", str(send.id))
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="send-{send.id}.csv"'}
    return StreamingResponse(chunks_of(_csv_file(request.app, send)), media_type="text/csv", headers=headers)


def _csv_file(app: App, send: Send) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - `chunks_of` closes it after the response
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    write_export(text, COLUMNS, report_rows(app, send))
    text.flush()
    text.detach()
    file.seek(0)
    return file


def _delivery_id(text: str) -> int:
    """Returns the id of a delivery; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _report),
    DeskRoute("GET", f"{HERE}/csv", Role.EDITOR, _csv),
    DeskRoute("GET", f"{HERE}/recipients", Role.EDITOR, _recipients),
    DeskRoute("GET", f"{HERE}/recipients/{{delivery:number}}", Role.EDITOR, _recipient),
)
