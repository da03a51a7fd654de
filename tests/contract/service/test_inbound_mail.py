"""Mail that came back by LMTP, from a mailbox (a real Dovecot) and from a Maildir: answered or moved only after the commit."""

import asyncio
import contextlib
import shlex
import smtplib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mailer.ledger.types.errors import LedgerError
from mailer.relay import TlsMode
from mailer.service.feedback import lmtp_server, record
from mailer.service.feedback.imap_mailbox import ImapError, ImapMailbox, poll_imap
from mailer.service.feedback.lmtp_server import receive_lmtp
from mailer.service.feedback.maildir import Maildir, poll_maildir
from mailer.settings.inbound_parsers import ImapAccount, ListenAddress
from tests.support.dovecot import PASSWORD, USER, Dovecot
from tests.support.feedback_messages import VACATION
from tests.support.patience import PATIENCE, until_holds
from tests.support.returned_mail import SentMail, bounce, complaint
from tests.support.site import START, site_in

ANA, BEN = "ana@example.com", "ben@example.net"
LETTER = b"From: Cai <cai@example.net>\nTo: bounces@example.org\nSubject: Hello\n\nWhen is high water?\n"
FOREIGN = LETTER.replace(b"From: Cai <cai@example.net>", b"From: MAILER-DAEMON@mx.example.net\nReturn-Path: <>")


def fail(*_args: Any, **_more: Any) -> Any:
    raise LedgerError("The database is gone.", "Look for it.")


def bug(*_args: Any, **_more: Any) -> Any:
    raise ZeroDivisionError


def by_lmtp(site: Any, work: Callable[[int], Any]) -> tuple[Any, list[str]]:
    """Runs `work` in a thread with the port of the LMTP server of `site`; returns its result, and what was logged."""
    logged: list[str] = []

    async def scenario() -> Any:
        stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
        job = asyncio.create_task(receive_lmtp(site.app, stop, logged.append, on_ready=port.set_result))
        await asyncio.wait({job, port}, return_when=asyncio.FIRST_COMPLETED)
        try:
            return await asyncio.to_thread(work, await port if port.done() else await job)
        finally:
            stop.set()
            await job

    return asyncio.run(scenario()), logged


def deliver(port: int, raw: bytes, *recipients: str) -> int:
    with smtplib.LMTP("127.0.0.1", port, local_hostname="mx.example.org", timeout=PATIENCE) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        codes = [client.rcpt(each)[0] for each in recipients]
        assert codes[0] == 250
        return client.data(raw)[0] if len(codes) == 1 else codes[1]


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path, inbound_lmtp=ListenAddress(host="127.0.0.1", port=0)) as made:
        yield made


def test_lmtp_answers_250_after_the_commit_and_451_without_one(site, monkeypatch):
    sent = SentMail(site.app).send("tide", ANA, BEN)
    raw = bounce(sent[ANA], "5.1.1", to="bounces@example.org").replace(sent[ANA].headers.encode(), b"Subject: Tide")

    def work(port: int) -> list[int]:
        codes = []
        for broken in (fail, bug):
            with monkeypatch.context() as patch:
                patch.setattr(lmtp_server, "record_message", broken)
                codes.append(deliver(port, raw, sent[ANA].return_path))
        assert site.reason(ANA) == ""
        codes.append(deliver(port, raw, sent[ANA].return_path))  # the token is in the envelope alone
        assert site.reason(ANA) == "bounced"
        codes.append(deliver(port, raw, sent[ANA].return_path))
        codes.append(
            deliver(port, complaint(sent[BEN]).replace(b"A complaint.", b"x" * 30_000), "complaints@example.org")
        )
        codes += [deliver(port, each, "bounces@example.org") for each in (LETTER, VACATION, b"", b"\0\xff" * 500)]
        codes.append(deliver(port, raw, sent[ANA].return_path, sent[BEN].return_path))  # one recipient at a time
        with monkeypatch.context() as patch:
            patch.setattr(lmtp_server, "LARGEST", 100_000)
            codes.append(deliver(port, b"x\r\n" * 50_000, "bounces@example.org"))
        return codes

    codes, logged = by_lmtp(site, work)
    assert codes == [451, 451, 250, 250, 250, 250, 250, 250, 250, 452, 552]
    assert (site.reason(ANA), site.reason(BEN)) == ("bounced", "complained")
    assert len(site.ledger.feedback.page()) == 2
    assert logged[0].startswith("Taking mail that came back by LMTP at 127.0.0.1:")
    assert len([line for line in logged if "has to come again" in line]) == 2


def test_a_long_line_is_taken_by_lmtp_and_no_other_message_of_the_session_is_lost(site, monkeypatch):
    sent = SentMail(site.app).send("tide", ANA, BEN)
    long = bounce(sent[ANA], "5.1.1").replace(b"Subject: Tide", b"X-Long: " + b"x" * 200_000 + b"\nSubject: Tide")

    def work(port: int) -> list[tuple[int, bytes]]:
        answers = []
        with smtplib.LMTP("127.0.0.1", port, local_hostname="mx.example.org", timeout=PATIENCE) as client:
            client.ehlo()
            for raw, message in (
                (long, ANA),
                (b"x" * 400_000, BEN),
                (b"broken", BEN),
                (bounce(sent[BEN], "5.1.1"), BEN),
            ):
                client.mail("")
                client.rcpt(sent[message].return_path)
                with monkeypatch.context() as patch:
                    if raw == b"broken":
                        patch.setattr(lmtp_server.LMTP, "_call_handler_hook", bug)
                    answers.append(client.data(raw))
                client.rset()
        return answers

    monkeypatch.setattr(lmtp_server, "LONGEST_LINE", 300_000)
    answers, logged = by_lmtp(site, work)
    assert [code for code, _ in answers] == [250, 552, 451, 250]
    assert answers[1][1] == b"5.3.4 Message too large"
    assert (site.reason(ANA), site.reason(BEN)) == ("bounced", "bounced")
    assert logged[1:] == ["A command that came by LMTP has to come again: ZeroDivisionError"]


def test_an_lmtp_port_in_use_ends_the_server_with_the_next_step(site):
    def work(port: int) -> None:
        other = site.app.settings.model_copy(update={"inbound_lmtp": ListenAddress(host="127.0.0.1", port=port)})
        app = type(site.app)(site.app.workspace, other, site.clock)
        with pytest.raises(Exception, match="Choose another port in MAILER_INBOUND_LMTP"):
            asyncio.run(receive_lmtp(app, asyncio.Event(), print))

    by_lmtp(site, work)


def account(mailbox: Dovecot, **changes: Any) -> ImapAccount:
    fields = {
        "host": "127.0.0.1",
        "port": mailbox.port,
        "tls": TlsMode.NONE,
        "user": USER,
        "password": SecretStr(PASSWORD),
    }
    return ImapAccount(**{**fields, **changes})


@pytest.mark.dovecot
def test_recognised_messages_of_a_mailbox_move_after_the_commit_and_all_others_are_left_as_they_are(
    tmp_path, monkeypatch
):
    with Dovecot() as mailbox, site_in(tmp_path, inbound_folder="Back/mailer") as site:
        sent = SentMail(site.app).send("tide", ANA, BEN)
        bounced, complained = bounce(sent[ANA], "5.1.1"), complaint(sent[BEN])
        mailbox.deliver(LETTER, bounced, VACATION, FOREIGN, at=START)
        mailbox.deliver(complained, at=START - 70 * 86_400)  # too old to mean anything
        mailbox.deliver(LETTER, flags=r"(\Seen \Flagged)", at=START)
        logged: list[str] = []

        def poll() -> int:  # as after a restart
            return ImapMailbox(site.app, account(mailbox), logged.append).poll()

        before = mailbox.messages()
        with monkeypatch.context() as patch:
            patch.setattr(record, "record_message", fail)
            with pytest.raises(LedgerError):
                poll()
        assert mailbox.messages() == before  # not even marked as seen
        assert poll() == 1
        assert site.reason(ANA) == "bounced"
        left = [each for each in before if each[1] != before[1][1]]
        assert mailbox.messages() == left
        assert [text for _, text in mailbox.messages("Back/mailer")] == [before[1][1]]
        assert poll() == 0
        with monkeypatch.context() as patch:  # killed after the commit and before the move
            patch.setattr(ImapMailbox, "_move", bug)
            mailbox.deliver(complained, at=START)
            with contextlib.suppress(ZeroDivisionError):
                poll()
        assert (site.reason(BEN), len(mailbox.messages())) == ("complained", len(left) + 1)
        (site.app.workspace.ensure_state_dir() / "imap.json").unlink()
        assert poll() == 1
        assert mailbox.messages() == left
        assert len(mailbox.messages("Back/mailer")) == 2
        assert len(site.ledger.feedback.page()) == 2
        monkeypatch.setattr(record, "record_message", bug)
        mailbox.deliver(LETTER, LETTER, at=START)
        assert poll() == 0
        assert len(logged) == 2
        assert PASSWORD not in "".join(logged)


@pytest.mark.dovecot
def test_a_mailbox_is_read_by_tls_by_a_token_and_by_a_server_that_cannot_move(tmp_path):
    with (
        Dovecot(capability="IMAP4rev1 LITERAL+ UIDPLUS") as mailbox,
        site_in(tmp_path) as site,
    ):
        printed = f"{shlex.quote(sys.executable)} -c {shlex.quote(f'print({PASSWORD!r})')}"
        update = {"inbound_imap_token": printed}
        app = type(site.app)(site.app.workspace, site.app.settings.model_copy(update=update), site.clock)
        sent = SentMail(site.app).send("tide", ANA, BEN)
        trust = mailbox.authority.trust()
        secure = [account(mailbox, tls=TlsMode.IMPLICIT, port=mailbox.tls_port), account(mailbox, tls=TlsMode.STARTTLS)]
        mailbox.deliver(bounce(sent[ANA], "5.1.1"), at=START)
        mailbox.deliver(LETTER, flags=r"(\Deleted)", at=START)  # its owner’s own business
        assert ImapMailbox(site.app, secure[0], print, trust=trust).poll() == 1
        mailbox.deliver(bounce(sent[BEN], "5.1.1"), at=START)
        assert ImapMailbox(app, secure[1], print, trust=trust).poll() == 1
        assert [flags for flags, _ in mailbox.messages()] == [r"\Deleted"]
        assert len(mailbox.messages("mailer")) == 2
        unfit = site.app.settings.model_copy(update={"inbound_folder": "not.allowed.here"})
        logged: list[str] = []
        mailbox.deliver(complaint(sent[ANA]), complaint(sent[BEN]), at=START)
        app = type(site.app)(site.app.workspace, unfit, site.clock)
        assert ImapMailbox(app, secure[0], logged.append, trust=trust).poll() == 2  # one does not keep back the others
        assert (len(mailbox.messages()), len(logged)) == (3, 2)
        assert "cannot move to “not.allowed.here”" in logged[0]
        for wrong in secure:  # a certificate that nobody knows
            with pytest.raises(ImapError, match="certificate"):
                ImapMailbox(site.app, wrong, print).poll()
        with pytest.raises(ImapError, match="AUTHENTICATIONFAILED") as refused:
            ImapMailbox(site.app, account(mailbox, password=SecretStr("wrong-password")), print).poll()
        assert "wrong-password" not in str(refused.value)
        for command in ("false", "no-such-command", "true", "'"):
            broken = site.app.settings.model_copy(update={"inbound_imap_token": command})
            with pytest.raises(ImapError, match="printed no token"):
                ImapMailbox(
                    type(site.app)(site.app.workspace, broken, site.clock), secure[1], print, trust=trust
                ).poll()


@pytest.mark.dovecot
def test_the_job_polls_until_it_is_stopped_also_while_the_server_is_silent(tmp_path):
    with Dovecot() as mailbox:
        settings = {"inbound_imap": account(mailbox), "inbound_every": 1}
        with site_in(tmp_path, **settings) as site:
            sent = SentMail(site.app).send("tide", ANA)
            mailbox.deliver(bounce(sent[ANA], "5.1.1"), at=START)

            async def scenario() -> None:
                stop = asyncio.Event()
                job = asyncio.create_task(poll_imap(site.app, stop, print))
                await until_holds(lambda: site.reason(ANA) == "bounced")
                stop.set()
                await job
                asked: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
                silent = await asyncio.start_server(lambda _reader, writer: asked.put_nowait(writer), "127.0.0.1", 0)
                port = silent.sockets[0].getsockname()[1]
                update = {"inbound_imap": account(mailbox, port=port)}
                app = type(site.app)(site.app.workspace, site.app.settings.model_copy(update=update), site.clock)
                stop = asyncio.Event()
                job = asyncio.create_task(poll_imap(app, stop, print))
                client = await asked.get()
                stop.set()
                await job
                client.close()
                silent.close()

            asyncio.run(scenario())


def lay_maildir(path: Path) -> None:
    for name in ("tmp", "new", "cur"):
        (path / name).mkdir(parents=True)


def test_recognised_messages_of_a_maildir_move_after_the_commit_and_all_others_are_left_as_they_are(
    tmp_path, monkeypatch
):
    box = tmp_path / "Maildir"
    lay_maildir(box)
    with site_in(tmp_path, inbound_maildir=box, inbound_every=1) as site:
        sent = SentMail(site.app).send("tide", ANA, BEN)
        (box / "new" / "1.letter").write_bytes(LETTER)
        (box / "new" / "2.bounce").write_bytes(bounce(sent[ANA], "5.1.1"))
        (box / "cur" / "3.complaint:2,S").write_bytes(complaint(sent[BEN]))
        (box / "cur" / "4.vacation:2,FS").write_bytes(VACATION)

        def names() -> list[str]:
            return sorted(str(file.relative_to(box)) for file in box.rglob("*") if file.is_file())

        before = names()
        mail = Maildir(site.app, box, print)
        with monkeypatch.context() as patch:
            patch.setattr(record, "record_message", fail)
            with pytest.raises(LedgerError):
                mail.poll()
        assert names() == before
        assert (mail.poll(), mail.poll()) == (2, 0)
        assert (site.reason(ANA), site.reason(BEN)) == ("bounced", "complained")
        after = [
            ".mailer/cur/2.bounce:2,",
            ".mailer/cur/3.complaint:2,S",
            ".mailer/maildirfolder",
            "cur/4.vacation:2,FS",
            "new/1.letter",
        ]
        assert names() == after
        (box / "new" / "1.letter").rename(box / "cur" / "1.letter:2,S")  # its owner reads it
        (box / "new" / "5.bounce").write_bytes(bounce(sent[ANA], "5.1.1"))  # the same again
        reads: list[int] = []
        monkeypatch.setattr(
            record, "record_message", lambda app, raw, **more: reads.append(1) or original(app, raw, **more)
        )
        original = lmtp_server.record_message
        assert (mail.poll(), len(reads)) == (1, 1)

        async def scenario() -> None:
            stop = asyncio.Event()
            (box / "new" / "6.bounce").write_bytes(bounce(sent[BEN], "5.2.2"))
            job = asyncio.create_task(poll_maildir(site.app, stop, print))
            await until_holds(lambda: not (box / "new" / "6.bounce").exists())
            stop.set()
            await job

        asyncio.run(scenario())
