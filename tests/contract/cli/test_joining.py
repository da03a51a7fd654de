"""A reader joins while serve runs: from the form to the row in the file."""

import asyncio
import re
import signal
from email import message_from_bytes, policy

import httpx

from mailer.addresses import parse_address
from mailer.app import App
from tests.support.patience import PATIENCE, until
from tests.support.workspaces import make_workspace


def test_from_the_form_to_the_row_in_the_file(here, programs, catcher):
    workspace = make_workspace(here.folder, port=catcher.port, BASE_URL="http://127.0.0.1:8000")
    (workspace / "subscribers" / "readers.toml").write_text('public = true\nown_fields = ["first_name"]\n')
    assert here("list", "sync", "readers").code == 0
    process = programs.start(workspace, "serve", "--port", "0")
    try:
        client = httpx.Client(base_url=process.said(r"Serving .* at (http://127\.0\.0\.1:\d+)")[1], timeout=PATIENCE)
        form = client.get("/subscribe/readers")
        seal = re.search(r'name="seal" value="([a-z2-7]+)"', form.text)[1]
        fields = {"email": "Zoë@example.net", "own.first_name": "Zoë", "seal": seal}

        def sign_up():
            answer = client.post("/subscribe/readers", data=fields | {"email": "zoe@example.net"})
            return "Check your inbox" in answer.text

        until(sign_up)  # not sooner than anybody types
        (path,) = until(lambda: list(catcher.messages()))
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        link = re.search(r"/confirm/[a-z2-7]+", message.get_body(("plain",)).get_content())[0]
        client.get(link)
        assert here("list", "sync", "readers").code == 0
        assert "zoe" not in (workspace / "subscribers" / "readers.csv").read_text(encoding="utf-8")
        done = client.post(link, data={"own.readers.first_name": "Zoë"})
        assert "You are subscribed" in done.text
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
    assert process.wait().code == 0
    assert here("list", "sync", "readers").code == 0
    rows = (workspace / "subscribers" / "readers.csv").read_text(encoding="utf-8").splitlines()
    assert rows[:2] == ["email,first_name,city,status,since", "ana@example.com,Ana,Porto Novo"]
    assert re.fullmatch(r"zoe@example\.net,Zoë,,subscribed,\S+", rows[2])


def test_status_counts_transactional_mail_that_waits_or_is_uncertain(here):
    workspace = make_workspace(here.folder)
    with App.open(workspace) as app:
        for name in ("ana", "ben", "chen"):
            app.ledger.transactional.request_link(parse_address(f"{name}@example.net"))
        mail = app.ledger.transactional.get(1)
        assert mail is not None
        asyncio.run(app.ledger.transactional.begin_sending(mail))
        app.ledger.transactional.recover()
    shown = here("status")
    assert "Transactional mail waiting: 2 messages. mailer serve sends them." in shown.err
    assert "Transactional mail uncertain: 1 message. Not sent again." in shown.err
    assert here("status", "--json").json() == {"sends": []}
