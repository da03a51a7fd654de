"""The report of a send: the proof, the charts, each recipient with the server's words, and all of it as CSV.

Names of readers are for those who may send; figures are for everybody at the desk.
"""

from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailer.audience.export import write_export
from mailer.delivery.state import DeliveryState
from mailer.ledger.types_accounts import Role
from mailer.ledger.types_sends import Send
from mailer.service.newsroom import Newsroom
from mailer.service.report import COLUMNS, report_cells, report_of
from mailer.service.verifying import recount
from mailer.web.desk import charts
from mailer.web.desk.live import domain_bar, plots, proof_bar, summands
from mailer.web.desk.page import HEADERS
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.sends import SEND, send_number, source_of
from mailer.web.desk.visit import Visit
from mailer.web.page import chunks_of

HERE = f"{SEND}/report"
_AT_ONCE = 50
_LONGEST = 200  # characters of a search
_TONES = {
    DeliveryState.FAILED: "bad",
    DeliveryState.UNCERTAIN: "doubt",
    DeliveryState.DEFERRED: "warn",
    DeliveryState.SKIPPED: "faint",
}


def _report(visit: Visit) -> Response:
    found = report_of(visit.newsroom, visit.watches.look(send_number(visit)))
    look, frozen = found.look, found.look.summary.frozen
    return visit.page(
        "report",
        heading=look.send.title,
        send=look.send,
        source=source_of(visit, look.send),
        report=found,
        sum=summands(look.summary),
        proof_bar=proof_bar(look.summary),
        plots=plots(look.pulse, visit.newsroom.settings.timezone),
        amount=charts.amount,
        domains=[(each, domain_bar(each.counts, each.total)) for each in look.domains],
        verdicts=[
            (each, charts.stack([charts.Part(each.state.value, each.count, _TONES[each.state])], frozen))
            for each in found.reasons
        ],
        sends=[(each, proof_bar(each)) for each in found.summaries],
        accepted_bar=charts.stack(
            [charts.Part("accepted", look.summary.count(DeliveryState.ACCEPTED), "good")], frozen
        ),
        share=lambda count, whole: f"{100 * count / whole:.1f} %" if whole else "–",
    )


def _recipients(visit: Visit) -> Response:
    """A page of them, behind the delivery `after`; `state` and `q` narrow it."""
    query, send_id = visit.query, send_number(visit)
    state = next((each for each in DeliveryState if each.value == query.get("state")), None)
    words = "".join(each for each in query.get("q", "") if each.isprintable()).strip()[:_LONGEST]
    after = _number(query.get("after", ""))
    found = visit.newsroom.ledger.gauge.page(
        send_id, *([state] if state else []), words=words, after=after, limit=_AT_ONCE + 1
    )
    return visit.page(
        "recipients",
        heading="Recipients",
        send=visit.newsroom.ledger.sends.get(send_id),
        rows=found[:_AT_ONCE],
        older=found[_AT_ONCE - 1].delivery_id if len(found) > _AT_ONCE else None,
        words=words,
        state=state.value if state else "",
        states=[each.value for each in DeliveryState],
        after=after,
    )


def _recipient(visit: Visit) -> Response:
    """One recipient's way, step by step."""
    send_id = send_number(visit)
    found = visit.newsroom.ledger.report.delivery(_number(str(visit.path["delivery"])))
    if found is None or found.send_id != send_id:
        raise HTTPException(404)
    steps = recount(visit.newsroom, send_id, found.address) if "@" in found.address else ()
    send = visit.newsroom.ledger.sends.get(send_id)
    return visit.page("recipient", heading=found.address, send=send, steps=steps)


def _csv(visit: Visit) -> Response:
    """Written down first: who takes long to load it keeps no look at the database open."""
    send = visit.newsroom.ledger.sends.get(send_number(visit))
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="send-{send.id}.csv"'}
    return StreamingResponse(chunks_of(_written(visit.newsroom, send)), media_type="text/csv", headers=headers)


def _written(newsroom: Newsroom, send: Send) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - it is closed when it was sent
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    write_export(text, COLUMNS, report_cells(newsroom, send))
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
