"""Signing up: forms, confirmation, the link to the preferences, and the API."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.addresses import parse_address
from mailer.csv.rows import Status
from mailer.ledger.subscribers.signups import parse_signup_request
from mailer.ledger.types.transactional_mail import TransactionalKind
from mailer.link_tokens import PLACEHOLDER, MailedLink, Purpose
from mailer.service.subscribers.signup import SignupForm, public_list, request_signup
from tests.support.ledger_cases import join
from tests.support.site import site_in, visiting

VICTIM = parse_address("victim@example.org")
HOUR = 3600


def open_door(folder, name="harbour", text="public = true\n"):
    lists = folder / "subscribers"
    lists.mkdir(exist_ok=True)
    (lists / f"{name}.csv").write_text("email,first_name\n", encoding="utf-8")
    (lists / f"{name}.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    open_door(tmp_path, text='title = "The Harbour Letter"\npublic = true\nown_fields = ["first_name", "boat_name"]\n')
    with site_in(tmp_path) as made:
        yield made


def seal_of(answer):
    return re.search(r'name="seal" value="([a-z2-7]+)"', answer.text)[1]


def form(site, visitor, **fields):
    """Returns the fields of a form that was shown long enough ago."""
    seal = seal_of(visitor.get("/subscribe/harbour"))
    site.clock.forward(5)
    return {"email": "victim@example.org", "seal": seal, "website": "", **fields}


def letters(site, address=VICTIM):
    return site.ledger.transactional.of(address.identity)


def token(site, address=VICTIM):
    return site.mailed(letters(site, address)[-1], MailedLink.SIGNUP)


def test_only_public_lists_have_a_sign_up_page(site, visitor, tmp_path):
    open_door(tmp_path, "closed", "public = false\n")
    (tmp_path / "subscribers" / "bare.csv").write_text("email\n")
    (tmp_path / "subscribers" / "only.toml").write_text("public = true\n")
    for name in ("closed", "bare", "only", "nothing", "..%2fsecret", "harbour.toml", "%00", "a" * 300):
        assert visitor.get(f"/subscribe/{name}").status_code == 404
        assert visitor.post(f"/subscribe/{name}", data={"email": "a@b.example"}).status_code == 404


def test_readers_see_no_details_of_a_broken_settings_file(site, visitor, tmp_path, caplog):
    open_door(tmp_path, text="publik = true")
    assert visitor.get("/subscribe/harbour").status_code == 500
    assert "did you mean “public”" in caplog.text


def test_the_form_has_the_own_fields_of_the_list(site, visitor):
    answer = visitor.get("/subscribe/harbour")
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert re.findall(r'<label for="([^"]+)"', answer.text) == ["email", "website", "own.first_name", "own.boat_name"]
    assert "Boat name" in answer.text
    assert "By signing up, you agree to receive The Harbour Letter by e-mail." in answer.text


def test_signing_up_and_confirming(site, visitor):
    answer = visitor.post("/subscribe/harbour", data=form(site, visitor, **{"own.first_name": " Ana\r\nBcc: x "}))
    assert answer.status_code == 200
    assert "Check your inbox" in answer.text
    page = visitor.get(f"/confirm/{token(site)}")
    html5lib.HTMLParser(strict=True).parse(page.text)
    assert 'value="Ana Bcc: x"' in page.text
    assert "v…\u2060@example.org" in page.text
    assert "victim@" not in page.text
    assert site.ledger.members.of(VICTIM.identity) == ()
    done = visitor.post(f"/confirm/{token(site)}", data={"own.harbour.first_name": "Ana", "own.harbour.evil": "x"})
    assert "You are subscribed" in done.text
    (member,) = site.ledger.members.of(VICTIM.identity)
    assert (member.status, dict(member.profile)) == (Status.SUBSCRIBED, {"first_name": "Ana"})
    (consent,) = site.ledger.signups.consents(VICTIM.identity)
    assert (consent.form, consent.ip, consent.confirmed_at) == ("page", "127.0.0.0/24", site.clock.now)
    assert consent.words.startswith("By signing up, you agree to receive The Harbour Letter")


def test_a_get_changes_nothing(site, visitor):
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    link = f"/confirm/{token(site)}"
    before = site.contents()
    for path in (link, "/subscribe/harbour", "/subscribe/harbour?embed=1", "/preferences"):
        for _ in range(2):
            assert visitor.get(path).status_code == 200
        assert visitor.request("HEAD", path).status_code == 200
    assert site.contents() == before


LINKS = ["pay at http://evil.example", "evil.example"]


@pytest.mark.parametrize("value", LINKS)
def test_a_field_with_a_web_address_is_refused_at_the_form_the_confirmation_and_the_api(site, visitor, value):
    page = visitor.post("/subscribe/harbour", data=form(site, visitor, **{"own.first_name": value}))
    assert page.status_code == 400
    assert "The field “\u2068First name\u2069” seems to have a web or e-mail address." in page.text
    assert value in page.text
    assert 'aria-invalid="true" aria-describedby="own-wrong"' in page.text
    assert letters(site) == ()
    answer = visitor.post(
        "/api/v1/subscribe", json={"list": "harbour", "email": VICTIM.envelope, "fields": {"first_name": value}}
    )
    assert (answer.status_code, letters(site)) == (422, ())
    assert "fields.first_name: web and e-mail addresses" in answer.text
    assert value not in answer.text
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    page = visitor.post(f"/confirm/{token(site)}", data={"own.harbour.first_name": value})
    assert page.status_code == 400
    assert "The field “\u2068First name\u2069” seems to have a web or e-mail address." in page.text
    assert 'aria-invalid="true" aria-describedby="own-wrong"' in page.text
    assert value in page.text
    assert site.ledger.members.of(VICTIM.identity) == ()
    assert visitor.post(f"/confirm/{token(site)}", data={"own.harbour.first_name": "Fay"}).status_code == 200
    assert site.ledger.members.get("harbour", VICTIM.identity).values == {"first_name": "Fay"}


@pytest.mark.parametrize("local", ["=cmd", "+1", "-1", "cmd|x", "x!a1"])
def test_an_address_that_a_spreadsheet_would_run_signs_up_nowhere(site, visitor, local):
    address = parse_address(f"{local}@example.org")
    assert visitor.post("/subscribe/harbour", data=form(site, visitor, email=address.envelope)).status_code == 400
    answer = visitor.post("/api/v1/subscribe", json={"list": "harbour", "email": address.envelope})
    assert answer.status_code == 422
    assert letters(site, address) == ()
    join(site.ledger, "harbour", address)  # from before, or from the file
    visitor.post("/preferences", data=form(site, visitor, email=address.envelope))
    assert [each.kind for each in letters(site, address)] == [TransactionalKind.LINK]


def test_confirming_twice_gives_the_same_answer_and_changes_nothing(site, visitor):
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    first = visitor.post(f"/confirm/{token(site)}")
    before = site.contents()
    second = visitor.post(f"/confirm/{token(site)}")
    assert (second.status_code, second.text) == (200, first.text)
    assert site.contents() == before
    assert "You are subscribed" in visitor.get(f"/confirm/{token(site)}").text


def test_an_old_link_says_the_truth_after_unsubscribing(site, visitor):
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    link = f"/confirm/{token(site)}"
    visitor.post(link)
    assert "You are subscribed" in visitor.get(link).text
    site.ledger.preferences.set_lists(VICTIM, {}, ["harbour"], source="person")
    for answer in (visitor.get(link), visitor.post(link)):
        assert "You are unsubscribed" in answer.text
        assert "You are subscribed" not in answer.text
    assert site.ledger.members.get("harbour", VICTIM.identity).status is Status.UNSUBSCRIBED


def test_an_expired_link_offers_a_new_one(site, visitor):
    visitor.post("/subscribe/harbour", data=form(site, visitor, **{"own.first_name": "Ana"}))
    old = token(site)
    site.clock.forward(73 * HOUR)
    for answer in (visitor.get(f"/confirm/{old}"), visitor.post(f"/confirm/{old}")):
        assert "This link has expired" in answer.text
    assert site.ledger.members.of(VICTIM.identity) == ()
    for _ in range(3):
        assert "Check your inbox" in visitor.post(f"/confirm/{old}", data={"anew": "yes"}).text
    assert len(letters(site)) == 2
    assert 'value="Ana"' in visitor.get(f"/confirm/{token(site)}").text
    assert "You are subscribed" in visitor.post(f"/confirm/{token(site)}").text


def test_one_link_confirms_all_lists_of_a_day_or_some_of_them(site, visitor, tmp_path):
    open_door(tmp_path, "tides")
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    visitor.post("/subscribe/tides", data=form(site, visitor))
    page = visitor.get(f"/confirm/{token(site)}")
    assert re.findall(r'type="checkbox" id="[^"]+" name="([^"]+)"', page.text) == ["list.harbour", "list.tides"]
    assert "One more step" in visitor.post(f"/confirm/{token(site)}").text
    visitor.post(f"/confirm/{token(site)}", data={"list.tides": "yes"})
    assert [each.list for each in site.ledger.members.of(VICTIM.identity)] == ["tides"]


def test_a_page_of_many_lists_with_many_fields_can_be_confirmed(site, visitor, tmp_path):
    names = [f"list{number}" for number in range(6)]
    for name in names:
        open_door(tmp_path, name, f"public = true\nown_fields = {[f'field_{n}' for n in range(8)]}\n")
        visitor.post(f"/subscribe/{name}", data=form(site, visitor))
    fields = {f"own.{name}.field_{n}": "é" * 20 for name in names for n in range(8)}
    visitor.post(f"/confirm/{token(site)}", data={**{f"list.{name}": "yes" for name in names}, **fields})
    members = site.ledger.members.of(VICTIM.identity)
    assert [(each.list, len(each.profile)) for each in members] == [(name, 8) for name in names]


@pytest.mark.parametrize("path", ["nonsense", PLACEHOLDER, "A" * 26, "%00", "a" * 5000])
def test_a_forged_link_is_a_plain_404(site, visitor, path):
    for method in ("GET", "POST"):
        assert visitor.request(method, f"/confirm/{path}").status_code == 404


def test_a_link_for_another_purpose_confirms_nothing(site, visitor):
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    for purpose in Purpose:
        made = site.app.keys.issue(purpose, letters(site)[0].id)
        assert visitor.post(f"/confirm/{made}").status_code == 404


@pytest.mark.parametrize(
    "seal",
    ["", "nonsense", PLACEHOLDER, None, "young", "old", "future"],
)
def test_a_form_without_a_valid_seal_is_shown_again_filled_in(site, visitor, seal):
    now = int(site.clock())
    times = {"young": now - 1, "old": now - 86_401, "future": now + 100}
    fields = {"email": "victim@example.org", "own.first_name": 'Ana "<b>'}
    if seal is not None:
        fields["seal"] = site.app.keys.issue(Purpose.FORM, times[seal]) if seal in times else seal
    answer = visitor.post("/subscribe/harbour", data=fields)
    assert "Please press the button again" in answer.text
    assert 'value="victim@example.org"' in answer.text
    assert "Ana &#34;&lt;b&gt;" in answer.text
    assert letters(site) == ()
    site.clock.forward(3)
    again = visitor.post("/subscribe/harbour", data={**fields, "seal": seal_of(answer)})
    assert "Check your inbox" in again.text
    assert len(letters(site)) == 1


def test_a_filled_in_hidden_field_gets_the_usual_answer_and_no_mail(site, visitor):
    honest = visitor.post("/subscribe/harbour", data=form(site, visitor, email="ana@example.org"))
    before = site.contents()
    trapped = visitor.post(
        "/subscribe/harbour", data=form(site, visitor, email="ana@example.org", website="https://spam.example")
    )
    assert (trapped.status_code, trapped.text) == (honest.status_code, honest.text)
    assert site.contents() == before


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c", "a b@example.org", "x" * 400 + "@example.org"])
def test_an_invalid_address_is_reported_at_its_field(site, visitor, email):
    answer = visitor.post("/subscribe/harbour", data=form(site, visitor, email=email))
    assert answer.status_code == 400
    assert 'aria-invalid="true" aria-describedby="wrong"' in answer.text


def test_the_answer_is_the_same_for_known_and_unknown_addresses(site, visitor):
    for name in ("known", "goner", "erase"):
        join(site.ledger, "harbour", parse_address(f"{name}@example.org"), source="page")
    site.ledger.suppressions.unsubscribe("goner@example.org", source="page")
    site.ledger.erasure.erase("erase@example.org", source="page")
    answers = {
        (answer.status_code, answer.text.replace(name, "?"), tuple(sorted(answer.headers.items())))
        for name in ("known", "goner", "erase", "never")
        for answer in [
            visitor.post("/subscribe/harbour", data=form(site, visitor, email=f"{name}@example.org")),
        ]
    }
    assert len(answers) == 1


def test_a_thousand_sign_ups_of_one_address_send_one_mail(site, visitor):
    for number in range(200):  # from as many places, past all limits
        visitor.post(
            "/api/v1/subscribe",
            json={"list": "harbour", "email": "Victim@Example.org" if number % 2 else "victim@EXAMPLE.org"},
        )
    listed = public_list(site.app, "harbour")
    with ThreadPoolExecutor(64) as many:  # they share commits
        list(many.map(lambda _: request_signup(site.app, listed, VICTIM, {}, form=SignupForm.PAGE, ip=""), range(1000)))
    assert [each.kind for each in letters(site)] == [TransactionalKind.CONFIRM]
    assert len(site.ledger.signups.consents(VICTIM.identity)) <= 1


def test_a_client_is_rate_limited_and_told_when_to_retry(site, visitor):
    statuses = [
        visitor.post("/api/v1/subscribe", json={"list": "harbour", "email": f"r{number}@example.org"}).status_code
        for number in range(25)
    ]
    assert statuses == [202] * 20 + [429] * 5
    page = visitor.post("/subscribe/harbour", data=form(site, visitor))
    assert page.status_code == 429
    assert 0 < int(page.headers["retry-after"]) <= 60


def test_behind_a_trusted_proxy_clients_are_told_apart(tmp_path):
    open_door(tmp_path)
    with site_in(tmp_path, trusted_proxies="127.0.0.0/8") as site, visiting(site) as visitor:

        def ask(client):
            body = {"list": "harbour", "email": "a@example.org"}
            headers = {"X-Forwarded-For": f"192.0.2.1, {client}"}
            return visitor.post("/api/v1/subscribe", json=body, headers=headers).status_code

        assert {ask(f"198.51.100.{number}") for number in range(40)} == {202}
        assert [ask(f"2001:db8::{number:x}") for number in range(21)] == [202] * 20 + [429]
        assert [each.ip for each in site.ledger.signups.consents("a@example.org")] == ["198.51.100.0/24"]


def test_the_form_for_other_sites_works_after_one_more_click(site, visitor):
    page = visitor.get("/subscribe/harbour?embed=1")
    html5lib.HTMLParser(strict=True).parse(page.text)
    snippet = html5lib.parse(page.text, namespaceHTMLElements=False).find(".//code").text
    found = html5lib.parse(snippet, namespaceHTMLElements=False).find(".//form")
    assert found.get("action") == "https://letter.example.org/subscribe/harbour"
    names = [each.get("name") for each in found.iter("input")]
    assert names == ["email", "own.first_name", "own.boat_name", "website"]
    answer = visitor.post("/subscribe/harbour", data={**dict.fromkeys(names, ""), "email": "victim@example.org"})
    assert "Please press the button again" in answer.text


def test_a_new_link_is_requested_by_address(site, visitor):
    seal = seal_of(visitor.get("/preferences"))
    site.clock.forward(5)
    answers = {
        visitor.post("/preferences", data={"email": address, "seal": seal}).text
        for address in ("victim@example.org", "unknown@example.org")
    }
    assert len(answers) == 1
    assert "we send the link to it, at most once a day" in answers.pop()
    assert [each.kind for each in letters(site)] == [TransactionalKind.LINK]


def test_pages_are_in_the_language_of_their_list(site, visitor, tmp_path):
    open_door(tmp_path, "hebrew", 'public = true\nlanguage = "he"\n')
    answer = visitor.get("/subscribe/hebrew")
    assert '<html lang="he" dir="rtl">' in answer.text
    assert "כתובת הדוא״ל שלכם" in answer.text
    assert answer.headers["content-language"] == "he"


def test_every_page_has_a_strict_content_security_policy(site, visitor):
    for answer in (visitor.get("/subscribe/harbour"), visitor.post("/subscribe/harbour"), visitor.get("/preferences")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


ADDRESSED = {"list": "harbour", "email": "victim@example.org"}


class TestApi:
    def ask(self, visitor, **body):
        return visitor.post("/api/v1/subscribe", json={"list": "harbour", "email": "victim@example.org", **body})

    def test_json(self, site, visitor):
        answer = self.ask(visitor, fields={"first_name": "Ana"})
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
        (consent,) = site.ledger.signups.consents(VICTIM.identity)
        assert consent.form == "api"
        assert consent.words.startswith("By signing up, you agree to receive The Harbour Letter")
        assert dict(parse_signup_request(letters(site)[0]).waiting) == {"harbour": {"first_name": "Ana"}}

    def test_the_words_of_consent_are_those_of_the_page(self, site, visitor):
        assert self.ask(visitor, words="Yes, sell my address").status_code == 422
        assert letters(site) == ()

    @pytest.mark.parametrize(
        ("headers", "form", "json"),
        [
            ({"Origin": "https://letter.example.org", "Sec-Fetch-Site": "same-origin"}, 202, 202),
            ({"Origin": "https://www.example.org", "Sec-Fetch-Site": "same-site"}, 202, 202),
            ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403, 403),
            ({"Origin": "https://evil.example"}, 403, 403),
            ({"Origin": "https://evil.example", "Referer": "https://www.example.org/"}, 403, 403),
            ({"Origin": "null"}, 403, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403, 403),
            ({"Sec-Fetch-Site": "cross-site", "Referer": "https://www.example.org/"}, 403, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403, 403),
            # a program, or a browser before 2020, which sends a form to another site without asking, and JSON never
            ({}, 403, 202),
            ({"Referer": "https://www.example.org/join?a=b"}, 202, 202),
            ({"Referer": "https://evil.example/?https://www.example.org"}, 403, 202),
            ({"Referer": "https://www.example.org.evil.example/"}, 403, 202),
            ({"Referer": "http://["}, 403, 202),
        ],
    )
    def test_a_page_of_another_site_signs_nobody_up_unless_the_list_names_it(
        self, site, visitor, tmp_path, headers, form, json
    ):
        open_door(tmp_path, text='public = true\norigins = ["https://www.example.org"]\n')
        multipart = {name: (None, value) for name, value in ADDRESSED.items()}
        for body, status in (({"data": ADDRESSED}, form), ({"files": multipart}, form), ({"json": ADDRESSED}, json)):
            if status != 202:
                assert not letters(site)
            assert visitor.post("/api/v1/subscribe", headers=headers, **body).status_code == status
        assert bool(letters(site)) is (json == 202)

    def test_a_list_may_refuse_sign_ups_by_api(self, site, visitor, tmp_path):
        open_door(tmp_path, text="public = true\napi = false\n")
        answer = visitor.post("/api/v1/subscribe", json={"list": "harbour", "email": "victim@example.org"})
        assert (answer.status_code, "on its own page only" in answer.text) == (403, True)
        assert not letters(site)
        assert visitor.get("/subscribe/harbour").status_code == 200

    def test_form(self, site, visitor):
        fields = {"list": "harbour", "email": "victim@example.org", "fields.first_name": "Ana"}
        ours = {"Origin": "https://letter.example.org"}
        assert visitor.post("/api/v1/subscribe", data=fields, headers=ours).status_code == 202
        assert len(letters(site)) == 1
        trapped = visitor.post("/api/v1/subscribe", data={**fields, "email": "b@example.org", "website": "x"})
        assert trapped.status_code == 202
        assert letters(site, parse_address("b@example.org")) == ()
        assert self.ask(visitor, email="b@example.org", website="x").status_code == 202
        assert letters(site, parse_address("b@example.org")) == ()

    @pytest.mark.parametrize(
        ("body", "status", "said"),
        [
            ({"email": "nobody"}, 422, "this is not a valid address (no @)"),
            ({"email": 7}, 422, "email: Input should be a valid string"),
            ({"list": "closed"}, 404, "no such list"),
            ({"list": "../../etc"}, 404, "no such list"),
            ({"list": ""}, 422, "list: "),
            ({"fields": {"first_nam": "Ana"}}, 422, "did you mean “first_name”?"),
            ({"fields": {"first_name": "x" * 201}}, 422, "fields: "),
            ({"fields": ["x"]}, 422, "fields: "),
            ({"evil": "<script>"}, 422, "unknown key"),
        ],
    )
    def test_what_is_wrong_is_a_problem_that_repeats_nothing_that_was_sent(self, site, visitor, body, status, said):
        answer = self.ask(visitor, **body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        problem = answer.json()
        assert problem["status"] == status
        assert said in problem["detail"]
        assert "<script>" not in answer.text
        assert letters(site) == ()

    @pytest.mark.parametrize(
        ("content", "content_type", "status"),
        [
            (b"{", "application/json", 400),
            (b"\xff", "application/json", 400),
            (b"[" * 8000, "application/json", 400),
            (b"[]", "application/json", 422),
            (b"null", "application/json", 422),
            (b"", "application/json", 400),
            (b"{}", "text/plain", 415),
            (b"{}", "", 415),
            (b" " * 17_000, "application/json", 413),
        ],
    )
    def test_bodies_that_are_none(self, visitor, content, content_type, status):
        headers = {"Content-Type": content_type} if content_type else {}
        assert visitor.request("POST", "/api/v1/subscribe", content=content, headers=headers).status_code == status

    def test_only_post(self, visitor):
        assert visitor.get("/api/v1/subscribe").status_code == 405

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.one_of(
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
                max_leaves=10,
            ),
            st.fixed_dictionaries(
                {"list": st.just("harbour") | st.text(), "email": st.just("a@example.org") | st.emails() | st.text()},
                optional={
                    "fields": st.dictionaries(st.sampled_from(["first_name", "boat_name"]) | st.text(), st.text()),
                    "website": st.text(),
                },
            ),
        )
    )
    def test_no_body_is_a_reason_to_fail(self, visitor, body):
        answer = visitor.request(
            "POST", "/api/v1/subscribe", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in {202, 400, 404, 413, 422, 429}
        assert answer.headers["content-type"] in {
            "application/json",
            "application/problem+json",
            "text/html; charset=utf-8",
        }


def test_the_open_lists_are_on_one_page_that_other_pages_link_to(site, visitor, tmp_path):
    open_door(tmp_path, "closed", "public = false\n")
    open_door(tmp_path, "hafen", 'title = "Der Hafenbrief"\ndescription = "Montags."\nlanguage = "de"\npublic = true\n')
    open_door(tmp_path, "broken", "public = maybe\n")
    page = visitor.get("/subscribe")
    assert page.status_code == 200
    assert re.findall(r'<a href="/subscribe/(\w+)">', page.text) == ["hafen", "harbour"]
    assert "Montags." in page.text
    site.begin(site.send())
    for path in ("/", "/archive/", "/archive/a-letter"):
        assert 'href="/subscribe"' in visitor.get(path).text


def test_without_an_open_list_no_page_links_to_the_sign_up(site, visitor, tmp_path):
    open_door(tmp_path, text="public = false\n")
    assert visitor.get("/subscribe").status_code == 404
    site.begin(site.send())
    for path in ("/", "/archive/", "/archive/a-letter"):
        assert "/subscribe" not in visitor.get(path).text


def test_the_answer_repeats_the_address_and_says_that_there_is_one_mail_a_day(site, visitor):
    for _ in range(2):
        page = visitor.post("/subscribe/harbour", data=form(site, visitor, email="victim@example.org"))
        assert "We send an e-mail to \u2068victim@example.org\u2069, at most one a day." in page.text
        assert "If you have had one from us today, use its link." in page.text


@pytest.mark.parametrize("email", ["rita@gmail", "rita@example"])
def test_an_address_without_a_dot_after_the_at_sign_is_refused(site, visitor, email):
    page = visitor.post("/subscribe/harbour", data=form(site, visitor, email=email))
    assert page.status_code == 400
    assert 'aria-invalid="true" aria-describedby="wrong"' in page.text


def test_confirming_without_a_list_says_so_and_keeps_the_form(site, visitor, tmp_path):
    open_door(tmp_path, "weekly")
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    visitor.post("/subscribe/weekly", data=form(site, visitor))
    link = f"/confirm/{token(site)}"
    page = visitor.post(link, data={"own.harbour.first_name": "Ana"})
    assert page.status_code == 400
    assert "You have not chosen a newsletter." in page.text
    assert " checked" not in page.text
    assert 'value="Ana"' in page.text
    assert site.ledger.members.of(VICTIM.identity) == ()
    wrong = visitor.post(link, data={"list.harbour": "yes", "own.harbour.first_name": "St.Gallen"})
    assert re.findall(r'name="list\.(\w+)" value="yes" checked', wrong.text) == ["harbour"]
    assert "The field “\u2068First name\u2069” seems to have" in wrong.text


def test_the_page_after_confirming_names_the_list_and_leads_to_the_preferences(site, visitor):
    visitor.post("/subscribe/harbour", data=form(site, visitor))
    page = visitor.post(f"/confirm/{token(site)}")
    assert "<bdi>The Harbour Letter</bdi></li>" in page.text
    assert 'href="/preferences"' in page.text


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "null"}, True),  # our own form, in an old browser
        ({"Origin": "https://letter.example.org"}, True),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "https://www.example.org", "Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://["}, False),
        ({"Referer": "https://letter.example.org/subscribe/harbour"}, True),
        ({"Referer": "https://evil.example/"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/subscribe/harbour", "/preferences"])
def test_a_page_of_another_site_cannot_use_a_seal_that_it_has_fetched(site, visitor, path, headers, is_ours):
    answer = visitor.post(path, data=form(site, visitor), headers=headers)
    assert ("Check your inbox" in answer.text) is is_ours
    assert bool(letters(site)) is is_ours
    again = visitor.post(path, data=form(site, visitor, seal=seal_of(answer))) if not is_ours else answer
    assert "Check your inbox" in again.text


def test_the_front_page_and_the_answer_to_a_sign_up_lead_on(site, visitor, tmp_path):
    open_door(tmp_path, "first", "public = true\n")
    open_door(tmp_path, "second", "public = true\n")
    assert "Our newsletters are sent" in visitor.get("/").text
    answer = visitor.post("/subscribe/first", data={"email": "a@gmial.con", "website": "x"})
    assert 'href="/subscribe/first">Correct the address</a>' in answer.text


def test_the_answer_to_a_sign_up_suggests_a_domain_for_a_mistyped_one(site, visitor):
    answer = visitor.post("/subscribe/harbour", data=form(site, visitor, email="ana@gmial.com"))
    assert "Did you mean \N{FIRST STRONG ISOLATE}ana@gmail.com\N{POP DIRECTIONAL ISOLATE}?" in answer.text
    assert "Did you mean" not in visitor.post("/subscribe/harbour", data=form(site, visitor)).text


def test_no_field_for_an_address_refuses_an_international_one():
    """Chromium refuses letters like ü before the @ in a field of the type `email`."""
    root = Path(__file__).parents[4]
    pages = [*(root / "templates").rglob("*.j2"), *(root / "mailer").rglob("*.j2")]
    assert len(pages) > 50
    assert [each.name for each in pages if 'type="email"' in each.read_text(encoding="utf-8")] == []
