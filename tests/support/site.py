"""A site for tests: an app in a temporary workspace, with an edition that is sent to a few readers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image as Pillow
from pydantic import SecretStr

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.states import SendKind
from mailer.edition.model import Edition, Image
from mailer.edition.publication import Publication
from mailer.ledger.subscribers.transactional_mail_queue import QueuedMail
from mailer.ledger.types.sends import NewSend, Recipient, Send
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState
from mailer.link_tokens import MailedLink, Purpose, new_link_secret
from mailer.mailbox_address import Mailbox
from mailer.service.dispatches.check_and_compile import edition_record
from mailer.settings.settings import Settings
from mailer.web.app import create_app
from mailer.web.server import run
from mailer.workspace import Workspace
from tests.support.editions import edition
from tests.support.ledgers import lay_ledger

KEY = "a secret key of the tests, long enough to be one"
ANA, BEN = "Ana.Reis@example.com", "ben@example.net"
START = 1_800_000_000.0


def _photo() -> Image:
    data = BytesIO()
    Pillow.new("RGB", (16, 9), "#17506b").save(data, "JPEG")
    return Image(name=f"{'5eed' * 8}.jpg", content_type="image/jpeg", width=1200, height=675, data=data.getvalue())


PHOTO = _photo()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@cache
def _compiled(body: str, language: str, publication: Publication) -> Edition:
    return edition(
        f"{body}\n\n## An article\nsource: Harbour Times\ndate: 2026-11-01\n\nIts text.",
        front="photo:\n  file: photo.jpg\n  alt: Two ferries\n",
        language=language,
        images={"photo.jpg": PHOTO},
        publication=publication,
    )


class Site:
    """The app, and what a test does with it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        lay_ledger(folder)
        self.clock = Clock()
        self._lists = 0
        self._links: dict[int, str] = {}
        values = {
            "sender": Mailbox(name="The Harbour Letter", address="letter@example.org"),
            "base_url": "https://letter.example.org",
            "postal_address": "1 Quay Street, Porto Novo",
            "secret_keys": (SecretStr(KEY),),
            **settings,
        }
        self.app = App(Workspace(folder), Settings(workspace=folder, **values), self.clock)

    @property
    def ledger(self) -> Any:
        return self.app.ledger

    def publication(self, **changes: Any) -> Publication:
        made = self.app.publication
        fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
        return Publication(**{**fields, **changes})

    def letter(self, body: str = "Dear reader.", *, language: str = "en", **publication: Any) -> Edition:
        """Returns an edition with the photo."""
        return _compiled(body, language, self.publication(**publication))

    def send(self, letter: Edition | None = None, *addresses: str, kind: SendKind = SendKind.DISPATCH) -> Send:
        """Freezes a send of `letter`; nothing of it is sent."""
        letter = letter or self.letter()
        new = edition_record(letter)
        self._lists += 1
        lists = (f"readers-{self._lists}",) if kind is SendKind.DISPATCH else ()
        made = NewSend(kind=kind, edition=new, lists=lists, key_name=self.app.keys.names[0])
        audience = [Recipient(identity=each.lower(), address=each) for each in addresses or (ANA, BEN)]
        return self.app.ledger.creator.create(made, audience)

    def named(self, slug: str, title: str = "A letter", body: str = "Dear reader.", *, language: str = "en") -> Edition:
        """Returns an edition of another dispatch."""
        letter = self.letter(body, language=language)
        text = letter.to_json().replace('"slug":"a-letter","title":"A letter"', f'"slug":"{slug}","title":"{title}"')
        return Edition.from_json(text, letter.images)

    def correct(self, letter: Edition, note: str = "The vote was 9 to 2.") -> Any:
        """Corrects the archive, a day later."""
        self.clock.forward(86_400)
        return self.ledger.editions.correct(edition_record(letter), note)

    def begin(self, send: Send) -> None:
        """Claims the first delivery and releases it, so that the send has begun."""

        async def claim() -> None:
            with_owner = self.app.ledger.leases.acquire(send.id, retry_for=86_400)
            assert with_owner is not None
            claims = await with_owner.claim(1, self.clock())
            await with_owner.release(claims, self.clock())
            with_owner.close()

        with ThreadPoolExecutor(1) as pool:  # playwright has a loop in the main thread
            pool.submit(asyncio.run, claim()).result()

    def token(self, send: Send, address: str = ANA) -> str:
        """Returns the unsubscribe token of a recipient's message."""
        for row in self.app.ledger.report.rows(send.id):
            if row.email == address:
                return self.app.keys.issue(Purpose.UNSUBSCRIBE, row.delivery_id)
        raise AssertionError(f"{address} is not frozen")

    def mailed(self, mail: QueuedMail, link: MailedLink) -> str:
        """Marks a queued mail as sent, with a link. Returns the token of the link, for the same mail the same."""

        async def send() -> None:
            assert await self.ledger.transactional.begin_sending(mail, self.app.keys.link_digest(link, secret))
            await self.ledger.transactional.record_result(mail, TransactionalState.SENT, was_sending=True)

        if mail.id not in self._links:
            secret = self._links[mail.id] = new_link_secret()
            with ThreadPoolExecutor(1) as pool:  # playwright has a loop in the main thread
                pool.submit(asyncio.run, send()).result()
        return self._links[mail.id]

    def mailed_page(self, address: str = ANA) -> str:
        """Returns the path of the preferences page by a link that is mailed to the address alone."""
        person = parse_address(address)
        self.ledger.transactional.request_link(person)
        found = self.ledger.transactional.of(person.identity)
        mail = [each for each in found if each.kind is TransactionalKind.LINK][-1]
        return f"/preferences/{self.mailed(mail, MailedLink.PREFERENCES)}"

    def reason(self, address: str = ANA) -> str:
        """Returns why the address is suppressed; "" if it is not."""
        standing = self.app.ledger.suppressions.get(address.lower())
        return standing.reason.value if standing else ""

    def contents(self) -> tuple[Any, ...]:
        """Returns all that a visit could change: every row of the ledger but its own state."""
        from mailer.ledger.store.tables import meta, metadata

        tables = [
            table for table in metadata.sorted_tables if table is not meta
        ]  # the ledger's own epoch moves by itself
        with self.app.ledger.context.database.reading() as conn:
            return tuple(tuple(map(tuple, conn.execute(table.select()).all())) for table in tables)


@contextmanager
def site_in(folder: Path, **settings: Any) -> Iterator[Site]:
    site = Site(folder, **settings)
    with site.app:
        yield site


class Visitor:
    """Somebody who asks the site for things, over ASGI. Follows no redirect, keeps no cookie that it did not get."""

    def __init__(self, site: Site, runner: asyncio.Runner, **options: Any) -> None:
        self._app = create_app(site.app, **options)
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="https://letter.example.org")
        self.runner = runner

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.client.request(method, path, **options))

    def look(self, path: str, *requests: tuple[str, str, dict[str, str]]) -> set[int]:
        """The statuses of many requests of `path`, each a method, a query and headers: without a client, for speed."""

        async def ask(method: str, query: str, headers: dict[str, str]) -> int:
            statuses: list[int] = []

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: dict[str, Any]) -> None:
                statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

            scope = {
                "type": "http",
                "method": method,
                "path": path,
                "query_string": query.encode(),
                "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            }
            await self._app(scope, receive, send)
            return statuses[0]

        async def all_of_them() -> set[int]:
            return {await ask(*request) for request in requests}

        return self.runner.run(all_of_them())

    def at_once(self, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
        """Requests that are under way together: each a method, a path and options."""

        async def ask() -> list[httpx.Response]:
            return await asyncio.gather(
                *(self.client.request(method, path, **options) for method, path, options in requests)
            )

        return self.runner.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@contextmanager
def visiting(site: Site, **options: Any) -> Iterator[Visitor]:
    """`options` are those of `create_app`."""
    with asyncio.Runner() as runner:
        yield Visitor(site, runner, **options)


@asynccontextmanager
async def served(site: Site, **options: Any) -> AsyncIterator[str]:
    """Serves the site on a free port of this machine; yields its address. `options` are those of `run`."""
    ready, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    server = asyncio.create_task(run(site.app, "127.0.0.1", 0, stop=stop, on_ready=ready.set_result, **options))
    await asyncio.wait({server, ready}, return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        await server
    try:
        yield ready.result()
    finally:
        stop.set()
        await server
