"""The debug server stores readers' addresses for its owner only."""

import smtplib
import stat

from mailer.smtp.debug_server import DebugSmtpServer
from tests.support.patience import PATIENCE


def test_only_the_owner_can_read_what_it_stores(tmp_path):
    journal, folder = tmp_path / "inbox.jsonl", tmp_path / "inbox"
    journal.touch(mode=0o644)
    with DebugSmtpServer(journal, folder=folder) as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=PATIENCE) as client:
            client.sendmail("desk@example.org", "ana@example.com", "Subject: tide\n\nHigh water at noon.")
        (message,) = server.messages()
        assert [stat.S_IMODE(path.stat().st_mode) for path in (journal, folder, message)] == [0o600, 0o700, 0o600]
