"""`demo --bounces`: what comes back by LMTP and by HTTP, and whom the next dispatch skips, in the program itself."""

from mailer.app import App
from mailer.web.bounce_demo import ANNOYED, DEAD, FULL, run_bounce_demo
from mailer.web.server import free_port


def test_the_next_dispatch_skips_the_two_readers_who_are_gone_and_says_why(tmp_path):
    lines: list[str] = []
    shown = run_bounce_demo(tmp_path, port=free_port(), log=lines.append)
    assert [line for line in lines if "after the commit" in line][1:] == [
        "a message comes back by LMTP to complaints@example.org: 250 after the commit",
        next(line for line in lines if line.startswith("Amazon SES reports a full mailbox") and ": 200 " in line),
    ]
    assert lines[-3:] == [
        f"{DEAD} bounced (“550 5.1.1 No such mailbox here”), so the next dispatch skipped it: bounced",
        f"{ANNOYED} complained (abuse), so the next dispatch skipped it: complained",
        f"{FULL} bounced (“452 4.2.2 The mailbox is full”), and is still mailed: one such bounce proves nothing",
    ]
    with App.open(tmp_path) as app:
        results = [
            {row.email: (row.state.value, row.reason) for row in app.ledger.report.rows(summary.send.id)}
            for summary in (shown.first, shown.second)
        ]
    changed = {address for address, result in results[1].items() if result != results[0][address]}
    assert changed == {DEAD, ANNOYED, "nobody@example.net"}  # the last one was refused at RCPT
    assert (results[1][DEAD], results[1][ANNOYED]) == (("skipped", "bounced"), ("skipped", "complained"))
    assert results[1][FULL][0] == "accepted"
