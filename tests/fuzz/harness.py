"""What the program does with the bytes of strangers, as functions of bytes.

Each target calls the program as the program itself does. It lets every exception through that the called function does not
promise, and asserts what the function promises about its result. Its seeds are also run by the tests (`test_targets.py`).
"""

import asyncio
import contextlib
import datetime as dt
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import h11
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Scope

from mailer.audience.segments import SegmentError, SubscriberFacts, matches_segment, parse_segment, segment_references
from mailer.csv.list_errors import ListError
from mailer.csv.reader import open_list
from mailer.csv.rows import Member
from mailer.csv.sync_patch import prepare_patch
from mailer.csv.tokenizer import RowTokenizer, TooManyMalformedRowsError
from mailer.dispatch.parse import parse_dispatch
from mailer.edition.compile import compile_edition
from mailer.edition.dispatch_view import cropped_files, image_files
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, EditionError
from mailer.feedback.providers import sns
from mailer.feedback.providers.catalogue import PROVIDERS
from mailer.feedback.providers.model import PayloadError, ProofBasis, ProofError, ProviderRequest
from mailer.feedback.reader import read_feedback
from mailer.link_tokens import TokenKeys
from mailer.smtp.classify import Parameter, classify, refused_parameter
from mailer.smtp.refusal_reason import generic_words
from mailer.smtp.reply_parser import TEXT_LIMIT, MalformedReplyError, ReplyParser
from mailer.smtp.stage import Stage
from mailer.web.app import create_app
from mailer.web.http_connection import LARGEST_INCOMPLETE_HEAD
from mailer.web.request_body import DeskForm, read_form, read_public_form
from tests.support import provider_requests
from tests.support.deskpages import signed_in
from tests.support.editions import ANA, PUBLICATION, REFERENCES, TEMPLATES
from tests.support.site import PHOTO, Site


def read_replies(data: bytes) -> None:
    """A server's side of an SMTP conversation, in two pieces, classified at each stage."""
    parser, half = ReplyParser(), len(data) // 2
    try:
        replies = [reply for piece in (data[:half], data[half:]) for reply in parser.feed(piece)]
    except MalformedReplyError as error:
        assert str(error).isprintable()
        return
    for reply in replies:
        assert 200 <= reply.code <= 599
        assert reply.text.isprintable()
        assert len(reply.text) <= TEXT_LIMIT
        generic_words(reply.text, "ana@example.com")
        for stage in Stage:
            classification = classify(reply, stage)
            assert not (classification.suppress and reply.code < 500)
            refused_parameter(reply, stage, tuple(Parameter))


def read_segment(data: bytes) -> None:
    """An expression of `--where`, applied to two subscribers."""
    try:
        segment = parse_segment(data.decode("utf-8", "replace"))
    except SegmentError as error:
        assert str(error)
        return
    list(segment_references(segment))
    for fields in ({}, {"city": "Porto", "country": "PT"}):
        facts = SubscriberFacts(fields=fields, joined=dt.date(2026, 1, 2), lists=["vip"], received=["tide"])
        assert isinstance(matches_segment(segment, facts), bool)


class Web:
    """The site, with somebody who is signed in at the desk; requests run in this thread."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="mailer-fuzz-")
        self.site = Site(Path(self._folder.name))
        self.site.app.workspace.subscribers.mkdir()
        (self.site.app.workspace.subscribers / "readers.csv").write_text("email,first_name,city\n")
        (self.site.app.workspace.subscribers / "readers.toml").write_text('public = true\nown_fields = ["city"]\n')
        self.site.app.__enter__()
        self.site.send()
        signed_in(self.site, "admin")
        self.app = create_app(self.site.app)
        self.runner = asyncio.Runner()

    def close(self) -> None:
        self.runner.close()
        self.site.app.__exit__(None, None, None)
        self._folder.cleanup()

    def ask(self, request: h11.Request, body: bytes = b"") -> int:
        """Returns the status of the response. Raises what an endpoint raises."""
        path, _, query = request.target.partition(b"?")
        scope = {
            "type": "http",
            "method": request.method.decode("ascii"),
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
            "headers": list(request.headers),
            "client": (f"192.0.2.{self.site.clock.now % 250:.0f}", 1),
        }
        self.site.clock.forward(60)  # so that no rate limit hides what is behind it
        return self.runner.run(self._ask(scope, body))

    async def _ask(self, scope: Scope, body: bytes) -> int:
        statuses: list[int] = []
        received = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(received, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                assert all(b"\n" not in value and b"\r" not in value for _, value in message["headers"])

        await self.app(scope, receive, send)
        return statuses[0]


@cache
def web() -> Web:
    return Web()


def read_head(data: bytes) -> None:
    """The head of a request, answered by the whole site; what changes something is sent without a body."""
    connection = h11.Connection(h11.SERVER, LARGEST_INCOMPLETE_HEAD)
    try:
        connection.receive_data(data)
        request = connection.next_event()
    except h11.RemoteProtocolError:
        return
    if isinstance(request, h11.Request):
        assert web().ask(request) < 500


def read_forms(data: bytes) -> None:
    """A form as both readers take it, and as two public pages do. The first line is its Content-Type."""
    content_type, _, body = data.partition(b"\n")
    web().runner.run(_read_forms(content_type, body))
    headers = [("host", "letter.example.org"), ("content-type", content_type)]
    try:
        heads = [
            h11.Request(method="POST", target=path, headers=headers) for path in ("/preferences", "/subscribe/readers")
        ]
    except h11.LocalProtocolError:
        return
    for head in heads:
        assert web().ask(head, body) < 500


async def _read_forms(content_type: bytes, body: bytes) -> None:
    async def receive() -> Message:
        return next(received, {"type": "http.disconnect"})

    for reader in (read_public_form, partial(read_form, largest=len(body))):
        half = len(body) // 2
        pieces = ((body[:half], True), (body[half:], False))
        received = iter([{"type": "http.request", "body": piece, "more_body": more} for piece, more in pieces])
        request = Request({"type": "http", "method": "POST", "headers": [(b"content-type", content_type)]}, receive)
        try:
            form = await reader(request)
        except HTTPException as error:
            assert reader is not read_public_form or error.status_code == 413
            continue
        if isinstance(form, DeskForm):
            form.close()


def read_list(data: bytes) -> None:
    """A list file, read in each of the ways in which it is read, and copied with a row more."""
    path = web().site.app.workspace.subscribers / "list.csv"
    path.write_bytes(data)
    try:
        source = open_list(path)
        rows = list(source.rows())
        batches = list(source.batches())
        texts = [text for each in RowTokenizer(source.lines(), source.delimiter).texts() for text in each.texts]
    except (ListError, TooManyMalformedRowsError):
        return
    assert "".join(texts) == "".join(source.lines())
    for row in rows:
        source.describe(row) if not isinstance(row, Member) else row.address.identity
    members = sum(isinstance(row, Member) for row in source.rows(duplicates=False))
    assert members == sum(len(each.plain) + sum(isinstance(row, Member) for row in each.rows) for each in batches)
    try:
        with prepare_patch(source, [], [{"email": "new@example.com"}]) as prepared:
            assert prepared.result is not None
    except ListError:
        return


def render_dispatch(data: bytes) -> None:
    """A dispatch, and the edition of it if it has no errors: for two readers, and back from its JSON."""
    result = parse_dispatch(data, "dispatches/a-letter.md")
    for problem in result.problems:
        str(problem)
    if result.dispatch is None:
        return
    try:
        edition = compile_edition(
            result.dispatch,
            publication=PUBLICATION,
            templates=[TEMPLATES],
            references=REFERENCES,
            images=dict.fromkeys(image_files(result.dispatch), PHOTO),
            crops=dict.fromkeys(cropped_files(result.dispatch), PHOTO),
            inlined=False,
        )
    except EditionError:
        return  # it names a dispatch that is not there
    stored = edition.to_json()
    assert Edition.from_json(stored).to_json() == stored
    for reader in (ReaderValues(token="TOKEN"), ANA):
        variant = edition.variant(edition.key_for(reader))
        for parts in (variant.subject, variant.html, variant.text):
            assert "\0" not in fill(parts, reader)


def read_message(data: bytes) -> None:
    """A message that came back."""
    feedback = read_feedback(data, KEYS)
    for recipient in feedback.recipients:
        assert "\n" not in recipient.address


def read_provider_events(data: bytes) -> None:
    """The body of a webhook, at each provider: what proves it, and the events in it."""
    headers = dict.fromkeys(("svix-signature", "x-postal-signature-256", "authorization"), data[:200].decode("latin-1"))
    request = ProviderRequest(headers=headers, body=data, path_secret=headers["authorization"])
    for name, provider in PROVIDERS.items():
        basis = ProofBasis(secrets=(provider_requests.secret_of(name),), now=provider_requests.NOW, certificate=data)
        with contextlib.suppress(ProofError, PayloadError):
            provider.verify(request, basis)
        with contextlib.suppress(ProofError, PayloadError):
            sns.certificate_url(sns.parse_envelope(request), basis.secrets)
        with contextlib.suppress(PayloadError):
            for event in provider.parse(request):
                assert event.id.isascii() and len(event.id) <= 200
                assert event.recipient is None or event.recipient.address.isprintable()


KEYS = TokenKeys(["k" * 40])
