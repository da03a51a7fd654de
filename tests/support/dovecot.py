"""Debian's Dovecot on a free port of this machine: one user, whose mail is a Maildir; started for one test, and ended with it.

with Dovecot() as mailbox:
    mailbox.deliver(raw)
    mailbox.messages("INBOX")      the messages in a folder, each with its flags
"""

import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.certificates import Authority
from tests.support.patience import PATIENCE, until

USER, PASSWORD = "bounces@example.org", 'pass word"\\1'  # it is also accepted as a token
_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
ssl = {ssl}
ssl_cert = <{folder}/127.0.0.1.pem
ssl_key = <{folder}/127.0.0.1.pem
auth_mechanisms = plain login xoauth2
mail_location = maildir:{folder}/mail
namespace inbox {{
  inbox = yes
  separator = /
}}
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
protocol imap {{
  imap_capability = {capability}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """`capability`: what it says it can do, instead of all."""

    def __init__(self, *, capability: str = "") -> None:
        self.authority = Authority.make()
        self.folder = Path(tempfile.mkdtemp(prefix="mailer-dovecot-"))  # pytest's folders are too long for its sockets
        self._capability = capability
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as one, socket.socket() as other:
            for each in (one, other):
                each.bind(("127.0.0.1", 0))
            self.port, self.tls_port = one.getsockname()[1], other.getsockname()[1]

    def __enter__(self) -> Self:
        self.authority.server(self.folder)
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        if os.geteuid() == 0:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        text = _CONFIGURATION.format(
            folder=self.folder,
            user=owner.pw_name,
            group=subprocess.run(
                ["id", "-gn", owner.pw_name], capture_output=True, text=True, check=True
            ).stdout.strip(),
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            port=self.port,
            tls_port=self.tls_port,
            ssl="yes",
            capability=self._capability,
        )
        (self.folder / "dovecot.conf").write_text(text)
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
        self._process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")])
        until(self._answers)
        return self

    def __exit__(self, _k: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(PATIENCE)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "dovecot.log").read_text()
        try:
            self._client().logout()
        except (OSError, imaplib.IMAP4.error):
            return False
        return True

    def _client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.login(USER, PASSWORD)
        return client

    def deliver(self, *messages: bytes, at: float, folder: str = "INBOX", flags: str = "") -> None:
        client = self._client()
        for raw in messages:
            assert (
                client.append(
                    folder, flags, imaplib.Time2Internaldate(at), raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                )[0]
                == "OK"
            )
        client.logout()

    def messages(self, folder: str = "INBOX") -> list[tuple[str, bytes]]:
        """The flags and the text of each message in a folder; looking changes no flag."""
        client = self._client()
        if client.select(f'"{folder}"', readonly=True)[0] != "OK":
            return []
        found = client.search(None, "ALL")[1][0].split()
        parts = [client.fetch(number.decode(), "(FLAGS BODY.PEEK[])")[1] for number in found]
        client.logout()
        return [(_flags(each[0][0]), each[0][1]) for each in parts]


def _flags(line: bytes) -> str:
    """The flags in an answer, without the one that says that a message is new."""
    flags = imaplib.ParseFlags(line)
    return " ".join(sorted(flag.decode() for flag in flags if flag != rb"\Recent"))
