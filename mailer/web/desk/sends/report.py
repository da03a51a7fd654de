"""The report of a send: the proof, the charts, each recipient with the server's words, and all of it as CSV.

Names of readers are for those who may send; figures are for everybody at the desk.
"""

from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailer.app import App
from mailer.csv.export import write_export
from mailer.delivery.states import DeliveryState
from mailer.ledger.types.accounts import Role
from mailer.ledger.types.sends import Send
from mailer.service.sends.report import COLUMNS, build_report, report_rows
from mailer.service.sends.verify import delivery_timeline
from mailer.web.desk import charts
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends.list import SEND, send_number, source_of
from mailer.web.desk.sends.live import domain_bar, legend, plots, summary_bar
from mailer.web.pages import chunks_of

HERE = f"{SEND}/report"
_AT_ONCE = 50
_LONGEST = 200  # characters of a search
_TONES = {
    DeliveryState.FAILED: "bad",
    DeliveryState.UNCERTAIN: "doubt",
    DeliveryState.DEFERRED: "warn",
    DeliveryState.SKIPPED: "faint",
}


def _report(request: DeskRequest) -> Response:
    found = build_report(request.app, request.broadcaster.look(send_number(request)))
    look, frozen = found.look, found.look.summary.frozen
    return request.page(
        "report",
        heading=look.send.title,
        send=look.send,
        source=source_of(request, look.send),
        report=found,
        sum=legend(look.summary),
        proof_bar=summary_bar(look.summary),
        plots=plots(look.pulse, request.app.settings.timezone),
        amount=charts.amount,
        domains=[(each, domain_bar(each.counts, each.total)) for each in look.domains],
        verdicts=[
            (each, charts.stack([charts.ChartPart(each.state.value, each.count, _TONES[each.state])], frozen))
            for each in found.reasons
        ],
        sends=[(each, summary_bar(each)) for each in found.summaries],
        accepted_bar=charts.stack(
            [charts.ChartPart("accepted", look.summary.count(DeliveryState.ACCEPTED), "good")], frozen
        ),
        share=lambda count, whole: f"{100 * count / whole:.1f} %" if whole else "–",
    )


def _recipients(request: DeskRequest) -> Response:
    """A page of them, behind the delivery `after`; `state` and `q` narrow it."""
    query, send_id = request.query, send_number(request)
    state = next((each for each in DeliveryState if each.value == query.get("state")), None)
    words = "".join(each for each in query.get("q", "") if each.isprintable()).strip()[:_LONGEST]
    after = _number(query.get("after", ""))
    found = request.app.ledger.stats.page(
        send_id, *([state] if state else []), words=words, after=after, limit=_AT_ONCE + 1
    )
    return request.page(
        "recipients",
        heading="Recipients",
        send=request.app.ledger.sends.get(send_id),
        rows=found[:_AT_ONCE],
        older=found[_AT_ONCE - 1].delivery_id if len(found) > _AT_ONCE else None,
        words=words,
        state=state.value if state else "",
        states=[each.value for each in DeliveryState],
        after=after,
    )


def _recipient(request: DeskRequest) -> Response:
    """One recipient's way, step by step."""
    send_id = send_number(request)
    found = request.app.ledger.report.delivery(_number(str(request.path["delivery"])))
    if found is None or found.send_id != send_id:
        raise HTTPException(404)
    steps = delivery_timeline(request.app, send_id, found.address) if "@" in found.address else ()
    send = request.app.ledger.sends.get(send_id)
    return request.page("recipient", heading=found.address, send=send, steps=steps)


def _csv(request: DeskRequest) -> Response:
    """Written down first: who takes long to load it keeps no look at the database open."""
    send = request.app.ledger.sends.get(send_number(request))
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="send-{send.id}.csv"'}
    return StreamingResponse(chunks_of(_written(request.app, send)), media_type="text/csv", headers=headers)


def _written(app: App, send: Send) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - it is closed when it was sent
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    write_export(text, COLUMNS, report_rows(app, send))
    text.flush()
    text.detach()
    file.seek(0)
    return file


def _number(text: str) -> int:
    """A delivery's number, 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


ROUTES = (
    DeskRoute("GET", HERE, Role.WRITER, _report),
    DeskRoute("GET", f"{HERE}/csv", Role.EDITOR, _csv),
    DeskRoute("GET", f"{HERE}/recipients", Role.EDITOR, _recipients),
    DeskRoute("GET", f"{HERE}/recipients/{{delivery:int}}", Role.EDITOR, _recipient),
)
