"""A program that webhooks tell things, on 127.0.0.1: it writes down what it is sent, and answers as it was told to.

with receiving() as receiver:
    receiver.answers = [500, 200]     the last one repeats; (302, {"Location": ...}) has headers
    receiver.requests                 what came
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.webserver import serving


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    url: str
    port: int
    answers: list[Any] = field(default_factory=lambda: [200])
    text: bytes = b"thank you"
    requests: list[Received] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def next_answer(self) -> tuple[int, dict[str, str]]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, tuple) else (answer, {})


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.requests.append(Received(self.path, headers, body))
        self.receiver.may_answer.wait()
        status, headers = self.receiver.next_answer()
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(self.receiver.text)))
            self.end_headers()
            self.wfile.write(self.receiver.text)
        except OSError:
            self.close_connection = True  # nobody waited for it

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    handler = type("Handler", (_Handler,), {})
    with serving(handler, context) as port:
        receiver = Receiver(f"{'https' if context else 'http'}://127.0.0.1:{port}/hooks", port)
        receiver.may_answer.set()
        handler.receiver = receiver
        try:
            yield receiver
        finally:
            receiver.may_answer.set()
