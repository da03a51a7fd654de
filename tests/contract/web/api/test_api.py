"""The API: scopes, and what each call does; on both databases."""

import asyncio
import datetime as dt
import re
import threading
from ipaddress import ip_network
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from mailer.app import App
from mailer.delivery.states import SendState
from mailer.ledger.accounts.api_tokens import ApiToken
from mailer.ledger.accounts.idempotency_keys import LONGEST
from mailer.ledger.types.roles_and_scopes import Role, Scope
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.lint import run as lint_run
from mailer.service.accounts.sessions import token_digest
from mailer.service.dispatches import check_concurrency, lint
from mailer.service.dispatches.check_and_compile import compile_checked
from mailer.service.lists.sync import sync_list
from mailer.service.sends.scheduler import start_sends_when_due
from mailer.web.api import guard as api_module
from mailer.web.api.routes import ROUTES
from mailer.web.app import create_app
from mailer.web.rate_limit import Rate
from tests.support.apicalls import Asking, fill_workspace, token_of
from tests.support.deskpages import signed_in
from tests.support.patience import PATIENCE, until
from tests.support.site import site_in, visiting
from tests.support.workspaces import make_workspace

TO_READERS = {"dispatch": "tide", "lists": ["readers"]}


@pytest.fixture
def site(tmp_path, database_url):
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url)) as made:
        fill_workspace(made)
        yield made


@pytest.fixture
def api(site, visitor):
    return Asking(visitor, token_of(site, name="the site"))


def path_of(route):
    return route.path.format(name="tide", send=1, list="readers", feedback=1, upload="5eed" * 8)


def pages(api, path, name, limit):
    """What stands on all pages."""
    cursor, found = "", []
    while True:
        wanted = {"limit": limit, "cursor": cursor}
        page = (api("POST", path, wanted) if path.endswith("/search") else api.get(path, params=wanted)).json()
        assert 0 < len(page[name]) <= limit
        found += page[name]
        if not (cursor := page["next"]):
            return found


def planned(api, **changes):
    return {**TO_READERS, "edition": api("POST", "/plans", {**TO_READERS, **changes}).json()["edition"], **changes}


def test_each_route_requires_its_scope(site, visitor):
    """Refused before the endpoint runs: an unknown number or an empty body can only matter behind the guard."""
    nobody = [Asking(visitor, token) for token in ("", "mailer_nobody's", "x" * 5000)]
    with_all_but = {
        needed: Asking(visitor, token_of(site, *(each for each in Scope if not each.covers(needed))))
        for needed in Scope
    }
    with_one = {scope: Asking(visitor, token_of(site, scope)) for scope in Scope}
    for route in ROUTES:
        path = path_of(route)
        for ask in nobody:
            answer = ask(route.method, path, {}, key="k")
            assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer"), route
        refused = with_all_but[route.scope](route.method, path, {}, key="k")
        assert (refused.status_code, refused.json()["error"]) == (403, "not-allowed"), route
        assert str(route.scope) in refused.json()["next_step"]
        for scope in Scope:
            if scope.covers(route.scope) and (route.path, scope) not in NEED_MORE:
                answer = with_one[scope](route.method, path, {}, key=f"k {scope} {path}"[:20].replace(" ", "-"))
                assert answer.status_code not in {401, 403, 500}, (route, answer.text)


NEED_MORE = {("/sends/{send}/deliveries/search", Scope.SENDS_TEST), ("/plans", Scope.SENDS_WRITE)}


def test_a_token_for_tests_sees_no_recipients_and_tests_with_users_only(site, visitor, api):
    signed_in(site, "writer")
    tester = Asking(visitor, token_of(site, "sends:test"))
    wanted = {"dispatch": "tide", "emails": ["wim@example.org"]}
    assert tester("POST", "/tests", {**wanted, "emails": ["ana@example.com"]}, key="one").status_code == 422
    made = tester("POST", "/tests", wanted, key="two").json()
    assert tester.get(f"/sends/{made['send']}").status_code == 200
    refused = tester("POST", f"/sends/{made['send']}/deliveries/search", {})
    assert (refused.status_code, "sends:read" in refused.json()["next_step"]) == (403, True)
    reader = Asking(visitor, token_of(site, "sends:test", "sends:read"))
    assert reader("POST", f"/sends/{made['send']}/deliveries/search", {}).json()["deliveries"]


def test_counting_readers_requires_the_scope_to_read_lists(site, visitor):
    sender = Asking(visitor, token_of(site, "sends:write"))
    wanted = {"dispatch": "tide", "lists": ["readers"], "where": 'city == "Lisbon"'}
    refused = sender("POST", "/plans", wanted)
    assert (refused.status_code, "lists:read" in refused.json()["next_step"]) == (403, True)
    plan = Asking(visitor, token_of(site, "sends:write", "lists:read"))("POST", "/plans", wanted).json()
    wrong = {**wanted, "edition": plan["edition"], "readers": 99, "accept_warnings": True}
    assert "a different number of readers, not to 99" in sender("POST", "/sends", wrong, key="k").json()["detail"]


def test_a_test_with_the_fields_of_a_reader_requires_the_scope_to_read_lists(site, visitor):
    site.ledger.users.add("Mara", Role.EDITOR, email="mara@example.org")
    wanted = {"dispatch": "tide", "emails": ["mara@example.org"], "reader": "ana@example.com"}
    tester = Asking(visitor, token_of(site, "sends:test"))
    refused = tester("POST", "/tests", wanted, key="one")
    assert (refused.status_code, "lists:read" in refused.json()["next_step"]) == (403, True)
    assert tester("POST", "/tests", {**wanted, "reader": None}, key="one").status_code == 201
    reader = Asking(visitor, token_of(site, "sends:test", "lists:read"))
    assert reader("POST", "/tests", wanted, key="one").status_code == 201


def test_a_revoked_token_is_refused_at_once_and_its_name_can_be_reused(site, visitor):
    old = token_of(site, name="The site")
    assert Asking(visitor, old).get("/lists").status_code == 200
    site.ledger.api_tokens.revoke("the  SITE")
    assert Asking(visitor, old).get("/lists").json()["detail"] == "The token is unknown or was revoked."
    new = token_of(site, "lists:read", name="the site")
    assert Asking(visitor, new).get("/lists").status_code == 200
    assert Asking(visitor, old).get("/lists").status_code == 401
    assert (old in repr(site.contents())) is (new in repr(site.contents())) is False


def test_a_token_is_refused_after_its_last_day(site, visitor):
    today = dt.datetime.fromtimestamp(site.app.clock(), site.app.settings.timezone).date()
    asking = Asking(visitor, token_of(site, name="crm", last_day=today.isoformat()))
    assert asking.get("/lists").status_code == 200
    site.ledger.api_tokens.revoke("crm")
    ended = "mailer_" + "x" * 43
    site.ledger.api_tokens.add("crm", token_digest(ended), frozenset(Scope), ends_at=site.app.clock() - 1)
    refused = Asking(visitor, ended).get("/lists")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert refused.json()["detail"].startswith("The last day of this token was 20")
    assert refused.json()["next_step"] == "Ask an admin for a new token."


def test_a_token_is_refused_outside_of_its_networks(site, visitor):
    inside = Asking(visitor, token_of(site, networks=["203.0.113.0/24", "127.0.0.1"]))
    outside = Asking(visitor, token_of(site, name="crm", networks=["203.0.113.0/24", "2001:db8::/32"]))
    assert inside.get("/lists").status_code == 200
    for _ in range(2):
        refused = outside.get("/lists")
        assert (refused.status_code, refused.json()["error"]) == (403, "network-not-allowed")
        assert refused.json()["detail"] == "This token cannot be used from 127.0.0.1."
    [entry] = site.ledger.audit.entries()
    assert (entry.actor, entry.action, entry.detail) == ("API (crm)", "token.refuse", "not one of its networks")
    assert [each.used_at for each in site.ledger.api_tokens.all() if each.name == "crm"] == [None]
    assert not site.ledger.api_tokens.find(token_digest("x"))


@pytest.mark.parametrize(
    ("networks", "address", "is_allowed"),
    [
        ((), "", True),
        (("203.0.113.0/24",), "203.0.113.9", True),
        (("203.0.113.0/24",), "203.0.114.9", False),
        (("203.0.113.0/24",), "2001:db8::1", False),
        (("203.0.113.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("0.0.0.0/0",), "", False),
    ],
)
def test_the_networks_of_a_token(networks, address, is_allowed):
    token = ApiToken(
        id=1, name="x", scopes=frozenset(), created_at=0, used_at=None, networks=tuple(map(ip_network, networks))
    )
    assert token.allows(address) is is_allowed


def test_the_rate_limit_of_a_token_does_not_delay_other_tokens(site, visitor, monkeypatch):
    monkeypatch.setattr(api_module, "BY_TOKEN", Rate(burst=2, every=30))
    with visiting(site) as limited:
        one, other = Asking(limited, token_of(site)), Asking(limited, token_of(site))
        told = [one.get("/lists") for _ in range(3)]
        assert [each.status_code for each in told] == [200, 200, 429]
        assert [each.headers["ratelimit"] for each in told[:2]] == ['"token";r=1;t=30', '"token";r=0;t=60']
        assert told[0].headers["ratelimit-policy"] == '"token";q=2;w=60'
        assert 0 < int(told[2].headers["retry-after"]) <= 30
        assert other.get("/lists").status_code == 200


def test_a_dispatch_is_replaced_only_if_it_has_not_changed_since_it_was_read(site, api):
    made = api("POST", "/dispatches", {"title": "What the tide brings"})
    assert made.status_code == 201
    path = made.headers["location"].removeprefix("/api/v1")
    first = api.get(path)
    assert first.json() == made.json()
    assert api.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    text = first.json()["text"].replace("Dear", "Good morning,")
    assert api("PUT", path, {"text": text}).status_code == 428
    saved = api("PUT", path, {"text": text}, headers={"If-Match": first.headers["etag"]})
    assert (saved.status_code, saved.json()["text"]) == (200, text)
    stale = api("PUT", path, {"text": "x"}, headers={"If-Match": first.headers["etag"]})
    assert (stale.status_code, stale.json()["error"]) == (412, "changed")
    either = f"{first.headers['etag']}, {saved.headers['etag']}"
    assert api("PUT", path, {"text": "---\n"}, headers={"If-Match": either}).status_code == 200
    assert api("PUT", path, {"text": text}, headers={"If-Match": "*"}).status_code == 200
    assert "Good morning," in (site.app.workspace.dispatches / f"{first.json()['name']}.md").read_text()
    versions = site.ledger.revisions.versions(f"{first.json()['name']}")
    assert {each.actor for each in versions} == {"in the file", "API (the site)"}


def test_a_dispatch_is_checked_and_rendered(site, api, visitor):
    letter = api("POST", "/dispatches/tide/letter", {"reader": "ana@example.com"}).json()
    assert letter["subject"] == "The tide table, for Ana"
    assert "High water is at noon" in letter["text"] and "High water is at noon" in letter["html"]
    assert "High water" not in api("POST", "/dispatches/tide/letter", {}).json()["text"]
    writer = Asking(visitor, token_of(site, "dispatches:write"))
    assert writer("POST", "/dispatches/tide/letter", {"reader": "ana@example.com"}).status_code == 403
    (site.app.workspace.dispatches / "wrong.md").write_text("---\ntitle: Fog\n---\n\n## One\n")
    findings = api.get("/dispatches/wrong/check").json()["problems"]
    assert {"dispatches/wrong.md"} == {each["path"] for each in findings}
    refused = api("POST", "/dispatches/wrong/letter", {})
    assert (refused.status_code, refused.json()["problems"][0]["path"]) == (422, "dispatches/wrong.md")
    assert str(site.app.workspace.root) not in refused.text


def test_a_past_issue_is_imported(site, api):
    taken = api("POST", "/imports", {"text": "The East Quay\n\n26 October 2026\n\nDear reader,\n\nIt is so.\n"})
    assert taken.status_code == 201
    assert api.get(taken.headers["location"].removeprefix("/api/v1")).json()["name"] == taken.json()["name"]


def test_a_send_is_planned_created_once_and_controlled(site, api):
    plan = api("POST", "/plans", TO_READERS).json()
    assert (plan["to_mail"], plan["lists"], plan["problems"], site.ledger.sends.all()) == (2, ["readers"], [], ())
    wanted = {**TO_READERS, "edition": plan["edition"], "readers": 2}
    assert api("POST", "/sends", wanted).status_code == 400
    assert api("POST", "/sends", {**wanted, "readers": 3}, key="one").json()["status"] == 409
    first = api("POST", "/sends", wanted, key="one")
    assert (first.status_code, first.headers["location"]) == (201, "/api/v1/sends/1")
    assert (first.json()["state"], first.json()["send"]) == ("scheduled", 1)
    assert api("POST", "/sends/1/deliveries/search", {}).json() == {"deliveries": [], "next": ""}
    again = api("POST", "/sends", wanted, key="one")
    assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (201, first.json(), "true")
    assert again.headers["location"] == "/api/v1/sends/1"
    other = api("POST", "/sends", {**wanted, "where": 'city == "Lisbon"'}, key="one")
    assert (other.status_code, "a different request" in other.json()["detail"]) == (422, True)
    twice = api("POST", "/sends", wanted, key="two")
    assert (twice.status_code, twice.json()["error"], twice.json()["send"]) == (409, "already-sent", 1)
    assert len(site.ledger.sends.all()) == 1
    assert api("POST", "/sends/1/cancel").json()["state"] == "cancelled"
    assert api("POST", "/sends/1/resume").status_code == 409
    done = [(each.actor, each.action) for each in site.ledger.audit.entries()]
    assert done == [("API (the site)", f"send.{each}") for each in ("cancel", "recipients", "start")]


def test_a_different_edition_and_a_time_in_the_past_are_refused(api):
    wanted = planned(api)
    assert api("POST", "/sends", {**wanted, "edition": "0" * 64}, key="a").status_code == 409
    past = api("POST", "/sends", {**wanted, "at": "2020-01-01 10:00"}, key="b")
    assert (past.status_code, "is in the past" in past.json()["detail"]) == (422, True)
    later = api("POST", "/sends", {**wanted, "at": "2027-06-01T10:00Z"}, key="c").json()
    assert (later["state"], later["at"]) == ("scheduled", "2027-06-01T10:00:00Z")
    assert api("POST", f"/sends/{later['send']}/resume").status_code == 409


def test_an_interrupted_request_is_not_repeated_automatically(site, api, monkeypatch):
    wanted = planned(api)

    def power_cut(*_arguments):
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(type(site.ledger.idempotency), "store", power_cut)
        assert api("POST", "/sends", wanted, key="one").status_code == 500
    assert len(site.ledger.sends.all()) == 1
    answer = api("POST", "/sends", wanted, key="one")
    assert (answer.status_code, "interrupted" in answer.json()["detail"]) == (409, True)
    assert len(site.ledger.sends.all()) == 1
    site.clock.forward(LONGEST + 1)
    assert api("POST", "/sends", wanted, key="one").json()["error"] == "already-sent"


def test_idempotency_keys_belong_to_their_token(site, visitor, api):
    wanted = planned(api)
    assert api("POST", "/sends", wanted, key="one").status_code == 201
    other = Asking(visitor, token_of(site))
    assert other("POST", "/sends", {**wanted, "repeat": "again"}, key="one").json()["error"] == "already-sent"


def test_sends_and_tests_are_run_by_serve(tmp_path, database_url, catcher):
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    rows = ("ana@example.com,Ana,Porto Novo", "refuse@example.com,Ray,Lisbon")
    make_workspace(tmp_path, port=catcher.port, rows=rows, DATABASE_URL=url)
    with (
        App.open(tmp_path) as app,
        asyncio.Runner() as serving,
        visiting(SimpleNamespace(app=app)) as visitor,
    ):
        api = Asking(visitor, token_of(SimpleNamespace(app=app, ledger=app.ledger)))
        stop = asyncio.Event()
        thread = threading.Thread(target=serving.run, args=(start_sends_when_due(app, stop, lambda _: None),))
        thread.start()
        try:
            tested = api("POST", "/tests", {"dispatch": "tide", "emails": ["mara@example.org"]}, key="t").json()["send"]
            sent = api("POST", "/sends", planned(api), key="s").json()["send"]
            until(lambda: {app.ledger.sends.get(each).state for each in (tested, sent)} == {SendState.FINISHED})
            app.ledger.suppressions.unsuppress("refuse@example.com", source="admin")
            next_step = api.get(f"/sends/{sent}").json()["next_step"]
            again = api("POST", f"/sends/{sent}/resend", key="r").json()["send"]
            until(lambda: app.ledger.sends.get(again).state is SendState.FINISHED)
        finally:
            serving.get_loop().call_soon_threadsafe(stop.set)
            thread.join()
        deliveries = pages(api, f"/sends/{sent}/deliveries/search", "deliveries", 1)
        assert [(each["email"], each["state"]) for each in deliveries] == [
            ("ana@example.com", "accepted"),
            ("refuse@example.com", "failed"),
        ]
        assert deliveries[1]["reply"]
        failed = api("POST", f"/sends/{sent}/deliveries/search", {"state": ["failed"]}).json()["deliveries"]
        assert failed == deliveries[1:]
        assert api.get(f"/sends/{sent}/report").json()["reasons"][0]["state"] == "failed"
        assert f"POST /api/v1/sends/{sent}/resend tries 1 of them again" in next_step
        assert "resend" not in api.get(f"/sends/{sent}").json()["next_step"], "the address is suppressed now"


def test_uncertain_deliveries_are_decided(site, api):
    send = site.send()
    paused = api("POST", f"/sends/{send.id}/pause").json()
    assert (paused["state"], f"POST /api/v1/sends/{send.id}/resume" in paused["next_step"]) == ("paused", True)
    assert api("POST", f"/sends/{send.id}/resume").json()["state"] == "running"
    stranger = api("POST", f"/sends/{send.id}/resolve", {"how": "assume-sent", "emails": ["ana.reis@example.com"]})
    assert (stranger.status_code, "not uncertain" in stranger.json()["detail"]) == (422, True)
    assert api("POST", f"/sends/{send.id}/resolve", {"how": "resend"}).status_code == 200


def test_lists_are_read_synced_and_undone(site, api):
    path = site.app.workspace.subscribers / "readers.csv"
    assert api.get("/lists").json() == {"lists": [{"list": "readers", "people": None, "rejected": None, "sync": None}]}
    assert api.get("/lists/readers/plan").json()["joined"] == 2
    assert api("POST", "/lists/readers/sync", {}).json()["sync"] == 1
    whole = path.read_text()
    path.write_text("email,first_name,city\nana@example.com,Ana,Porto Novo\n")
    many = api("POST", "/lists/readers/sync", {})
    assert (many.status_code, many.json()["error"]) == (409, "undecided")
    assert api("POST", "/lists/readers/sync", {"allow_removals": True}).json()["removed"] == 1
    planned = api.get("/lists/readers/undo", params={"to": 1}).json()
    assert (planned["joined"], planned["planned"], planned["sync"], path.read_text() != whole) == (1, True, None, True)
    assert api("POST", "/lists/readers/undo", {"to": 1}).json()["joined"] == 1
    assert path.read_text() == whole
    assert [each["email"] for each in pages(api, "/lists/readers/members/search", "members", 1)] == [
        "ana@example.com",
        "ben@example.net",
    ]
    lisbon = {"where": 'city == "Lisbon"'}
    assert api.get("/lists/readers", params=lisbon).json()["to_mail"] == 1
    assert (
        api("POST", "/lists/readers/members/search", {"q": "lisbon"}).json()["members"][0]["fields"]["first_name"]
        == "Ben"
    )
    exported = api.get("/lists/readers/export", params=lisbon)
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.text.splitlines()[1].startswith("ben@example.net,Ben,Lisbon,subscribed,")
    assert api("POST", "/lists/none/members/search", {}).json()["error"] == "no-list"


def test_members_are_added_changed_and_removed_in_the_file(site, api):
    path = site.app.workspace.subscribers / "readers.csv"
    added = api("POST", "/lists/readers/members", {"email": "Cleo@Example.org", "fields": {"city": "Faro"}})
    assert (added.status_code, added.json()["joined"]) == (200, 1)
    assert api("POST", "/lists/readers/members", {"email": "cleo@example.org"}).status_code == 422
    typo = api("PATCH", "/lists/readers/members", {"email": "cleo@example.org", "fields": {"citty": "Olhao"}})
    assert (typo.status_code, "Did you mean “city”?" in typo.json()["next_step"]) == (422, True)
    assert (
        api("PATCH", "/lists/readers/members", {"email": "cleo@example.org", "fields": {"city": "Olhao"}}).json()[
            "changed"
        ]
        == 1
    )
    assert "Cleo@example.org,,Olhao" in path.read_text()
    assert api("POST", "/lists/readers/members/remove", {"email": "cleo@example.org"}).json()["removed"] == 1
    assert "Cleo" not in path.read_text()


def test_an_upload_is_planned_applied_and_undone(site, api):
    path = site.app.workspace.subscribers / "readers.csv"
    api("POST", "/subscribers/unsubscribe", {"email": "ben@example.net"})
    api("POST", "/lists/readers/sync", {})
    before = path.read_text()
    file = {
        "content": b"Email,City\ncleo@example.org,Faro\nben@example.net,Beja\n",
        "headers": {"Content-Type": "text/csv"},
    }
    kept = api("POST", "/lists/readers/uploads?way=whole&file_name=May.csv", **file)
    assert (kept.status_code, kept.json()["plan"]["joined"], kept.json()["plan"]["blocked"]) == (201, 1, 1)
    assert path.read_text() == before
    one = kept.headers["location"].removeprefix("/api/v1")
    base = kept.json()["base"]
    assert api.get(one).json() == kept.json()
    stale = api("POST", f"{one}/apply", {"base": "0" * 64})
    assert (stale.status_code, stale.json()["error"]) == (409, "changed-list")
    assert api("POST", f"{one}/apply", {"base": base}).status_code == 409, "more than a tenth removed"
    done = api("POST", f"{one}/apply", {"base": base, "allow_removals": True}).json()
    assert (done["joined"], done["removed"], done["first_blocked"][0]["email"]) == (1, 1, "ben@example.net")
    assert api.get(one).status_code == 404
    refused = api("POST", "/lists/readers/undo", {})
    assert (refused.status_code, refused.json()["next_step"]) == (
        409, 'If that is intended, set "allow_removals" to true.',
    )  # fmt: skip
    assert api("POST", "/lists/readers/undo", {"allow_removals": True}).status_code == 200
    assert path.read_text() == before
    left = api("POST", "/lists/readers/uploads", **file).json()["upload"]
    assert api("DELETE", f"/lists/readers/uploads/{left}").json() == {"upload": left}
    wrong = {**file, "content": b"\x00\x01"}
    assert api("POST", "/lists/readers/uploads", **wrong).status_code == 422


def test_names_of_files_may_be_in_any_script(site, api):
    workspace = site.app.workspace
    (workspace.subscribers / "読者.csv").write_text("email\nana@example.com\n", encoding="utf-8")
    file = {"content": b"email\nben@example.net\n", "headers": {"Content-Type": "text/csv"}}
    assert api("POST", "/lists/読者/uploads", **file).status_code == 409  # the file was not read yet
    sync_list(site.app, "読者")
    kept = api("POST", "/lists/読者/uploads", **file)
    assert kept.status_code == 201
    assert api.get(kept.headers["location"].removeprefix("/api/v1")).json() == kept.json()


def test_a_person_is_shown_unsubscribed_and_erased(site, api):
    api("POST", "/lists/readers/sync", {})
    known = api("POST", "/subscribers/show", {"email": "Ana@Example.com"}).json()
    assert known["lists"][0]["fields"] == {"first_name": "Ana", "city": "Porto Novo"}
    assert api("POST", "/subscribers/unsubscribe", {"email": "ana@example.com"}).json()["changed"] is True
    entered = api("POST", "/subscribers/show", {"email": "ana@example.com"}).json()["suppression"]
    assert entered["source"] == "API (the site)"
    asked = site.ledger.suppressions.get("ana@example.com")
    assert api("POST", "/subscribers/unsubscribe", {"email": "ana@example.com"}).json()["changed"] is False
    assert site.ledger.suppressions.get("ana@example.com") == asked
    own = api("POST", "/suppressions/remove", {"email": "ana@example.com"})
    assert (own.status_code, own.json()["error"]) == (409, "own-no")
    assert api("POST", "/subscribers/erase", {"email": "ben@example.net"}).json()["taken_out"] == ["readers"]
    assert "ben@" not in (site.app.workspace.subscribers / "readers.csv").read_text()
    assert site.ledger.suppressions.get("ben@example.net").reason is SuppressionReason.ERASED
    assert "ben@example.net" not in repr(site.ledger.audit.entries())


def test_suppressions_are_read_page_by_page(site, api):
    emails = [f"r{number}@example.org" for number in range(5)]
    for email in emails:
        assert api("POST", "/suppressions", {"email": email}).json()["reason"] == "by hand"
    assert [each["identity"] for each in pages(api, "/suppressions/search", "suppressions", 2)] == emails
    assert api("POST", "/suppressions/search", {"reason": "bounced"}).json() == {"suppressions": [], "next": ""}
    assert api("POST", "/suppressions/remove", {"email": "r0@example.org"}).json()["outcome"] == "lifted"
    assert len(pages(api, "/suppressions/search", "suppressions", 4)) == 4


def test_sends_and_dispatches_are_read_page_by_page(site, api):
    for _ in range(3):
        site.send()
    assert [each["send"] for each in pages(api, "/sends", "sends", 2)] == [3, 2, 1]
    assert {each["name"] for each in pages(api, "/dispatches", "dispatches", 1)} == {"tide", "2026-10-26-east-quay"}


def test_an_unavailable_database_is_reported(api, site, monkeypatch):
    from mailer.ledger.types.errors import LedgerError

    def away(*_arguments, **_options):
        raise LedgerError("The disk is full.", "Make room.")

    monkeypatch.setattr(type(site.ledger.sends), "all", away)
    answer = api.get("/sends")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert (answer.json()["detail"], answer.json()["next_step"]) == ("The disk is full.", "Make room.")


def test_no_url_of_the_api_contains_an_address_or_a_search_for_one():
    for route in ROUTES:
        names = {*re.findall(r"{(\w+)}", route.path), *route.query.model_fields}
        assert not names & {"email", "emails", "reader"}, route
        assert "q" not in names or route.path == "/dispatches", route


def test_the_log_has_each_look_at_readers_once_an_hour_and_every_export(site, visitor):
    asking = Asking(visitor, token_of(site, *Scope, name="crm"))
    for _ in range(2):
        asking("POST", "/subscribers/show", {"email": "ana@example.com"})
        asking("POST", "/lists/readers/members/search", {})
        asking("POST", "/suppressions/search", {})
        asking.get("/lists/readers/export")
    looks = [(each.actor, each.action, each.object, each.detail) for each in reversed(site.ledger.audit.entries())]
    export = ("API (crm)", "list.export", "readers", "2 readers")
    assert looks == [
        ("API (crm)", "subscriber.show", "a…@example.com", ""),
        ("API (crm)", "list.members", "readers", ""),
        ("API (crm)", "suppression.list", "", ""),
        export,
        export,
    ]


def test_more_checks_than_may_wait_are_refused_with_a_time_to_repeat(site, visitor, monkeypatch):
    monkeypatch.setattr(check_concurrency, "AT_ONCE", 1)
    monkeypatch.setattr(check_concurrency, "WAITING", 1)
    refused = threading.Event()

    def compiling(*given):
        assert refused.wait(PATIENCE)
        return compile_checked(*given)

    monkeypatch.setattr(lint, "compile_checked", compiling)
    headers = {"Authorization": f"Bearer {token_of(site)}"}

    async def three():
        paths = [f"/api/v1/dispatches/{name}/check" for name in ("tide", "tide", "2026-10-26-east-quay")]
        tasks = [asyncio.create_task(visitor.client.get(path, headers=headers)) for path in paths]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        refused.set()
        return await asyncio.gather(*tasks)

    answers = visitor.runner.run(three())
    assert sorted(each.status_code for each in answers) == [200, 200, 503]
    [one] = [each for each in answers if each.status_code == 503]
    assert (one.headers["retry-after"], one.json()["error"]) == ("60", "too-many-checks")


def test_a_check_ends_when_the_client_has_left(site, monkeypatch):
    checks = []
    monkeypatch.setattr(lint_run, "CHECKS", (lambda context: iter(checks.append(context) or ()),))
    received = iter(["http.request", "http.disconnect", "http.disconnect"])
    headers = [(b"host", b"letter.example.org"), (b"authorization", f"Bearer {token_of(site)}".encode())]
    path = "/api/v1/dispatches/tide/check"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}

    async def receive():
        return {"type": next(received), "body": b"", "more_body": False}

    async def send(message):
        pass

    asyncio.run(create_app(site.app)(scope, receive, send))
    assert checks == []
