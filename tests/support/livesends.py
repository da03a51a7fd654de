"""Sends in progress, for pages that show them."""

from mailer.delivery.states import DeliveryState
from mailer.smtp.reply_parser import Reply
from mailer.smtp.stage import Stage
from tests.support.ledger_cases import delivery_result, die, run, session

REPLIES = {
    "failed": (DeliveryState.FAILED, Reply(code=550, enhanced="5.1.1", text="5.1.1 no such user <b>here</b>")),
    "deferred": (DeliveryState.DEFERRED, Reply(code=454, enhanced="4.7.0", text="4.7.0 slow down")),
    "uncertain": (DeliveryState.UNCERTAIN, None),
    "accepted": (DeliveryState.ACCEPTED, Reply(code=250, enhanced="2.0.0", text="2.0.0 queued as 4FZ")),
}


def addresses(count, domain="example.com"):
    return [f"reader{number}@{domain}" for number in range(count)]


def carry(site, send, *results, kill=False):
    """Records one delivery after the other, one a second, as a key of REPLIES; then the process releases the send, or dies."""
    mine = session(site.ledger, send)

    async def work():
        for result in results:
            state, reply = REPLIES[result]
            site.clock.forward(1)
            for claim in await mine.claim(1, site.clock()):
                assert await mine.begin_sending(claim)
                more = {"suppress": True} if result == "failed" else {}
                await mine.record(
                    delivery_result(claim, state, site.clock(), reply=reply, stage=Stage.END_OF_DATA, **more)
                )
        await mine.status()

    run(work())
    if kill:
        die(mine)
    else:
        mine.close()
