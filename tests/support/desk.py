"""A list, its file and its ledger, for tests that sync."""

from mailer.addresses import parse_address
from mailer.ledger.subscribers.signups import Signup
from mailer.service.lists.sync import sync_list
from mailer.service.lists.undo import undo_list


class Desk:
    def __init__(self, app):
        self.app = app
        self.path = self.file("readers")

    @property
    def ledger(self):
        return self.app.ledger

    def file(self, name):
        return self.app.workspace.subscribers / f"{name}.csv"

    def make(self, name, text):
        self.file(name).write_text(text, encoding="utf-8")
        return name

    def write(self, text):
        self.path.write_bytes(text.encode())

    def read(self):
        return self.path.read_bytes().decode()

    def sync(self, text=None, **options):
        if text is not None:
            self.write(text)
        return sync_list(self.app, "readers", **options)

    def undo(self, **options):
        return undo_list(self.app, "readers", **options)

    def member(self, identity):
        return self.ledger.members.get("readers", identity)

    def leave(self, identity):
        self.ledger.suppressions.unsubscribe(identity, source="page")

    def ask(self, email, name="readers", **own):
        wanted = Signup(list=name, address=parse_address(email), profile=own, form="form", words="Yes")
        self.ledger.signups.request_signup(wanted)

    def confirm(self, email, name="readers", **own):
        [*_, letter] = self.ledger.transactional.of(parse_address(email).identity)
        self.ledger.signups.confirm(letter.id, {name: own}, source="link", welcomes={})

    def sign_up(self, email, name="readers", **own):
        self.ask(email, name, **own)
        self.confirm(email, name, **own)

    def held(self, identity):
        found = self.ledger.suppressions.get(identity)
        return found and found.reason.value
