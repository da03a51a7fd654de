"""Lists at the desk, by plain forms, on both databases: numbers, members, a person, uploads and undo, suppressions, settings."""

import re
from html import unescape

import pytest
from pydantic import SecretStr

from mailer.audience.list_settings import load_list_settings
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.ledger.types.syncs import PendingChanges
from mailer.ledger.types.webhooks import EVENTS
from mailer.service.lists.sync import sync_list
from tests.support.deskpages import At, signed_in
from tests.support.site import site_in, visiting
from tests.support.workspaces import make_workspace

LIST = "/desk/lists/readers"
ROWS = ("ana@example.com,Ana,Porto Novo", "bo@example.com,Bo <b>,Göteborg", "chen@example.org,Chen,Pune")


@pytest.fixture
def site(tmp_path, database_url):
    make_workspace(tmp_path, rows=ROWS)
    url = f"sqlite:///{tmp_path}/mailer.db" if database_url.startswith("sqlite") else database_url
    with site_in(tmp_path, database_url=SecretStr(url)) as made:
        sync_list(made.app, "readers")
        yield made


@pytest.fixture
def desk(site):
    with visiting(site) as visitor:
        yield At(visitor, signed_in(site, "admin"))


@pytest.fixture
def file(site):
    return site.app.workspace.subscribers / "readers.csv"


def words(answer):
    """A page's text as somebody reads it."""
    text = re.sub(r"</?(bdi|time)[^>]*>", "", answer.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def upload(desk, text, way="add", name="fair.csv"):
    answer = desk.post(f"{LIST}/upload", {"way": way}, files={"file": (name, text.encode(), "text/csv")})
    assert answer.status_code == 303, words(answer)
    return answer.headers["location"]


def base_of(answer):
    return re.search(r'name="base" value="(\w+)"', answer.text)[1]


def done(site):
    return [(each.action, each.object, each.detail) for each in site.ledger.audit.entries()]


def test_everybody_sees_numbers_and_only_an_admin_addresses(site, desk):
    site.ledger.suppressions.unsubscribe("bo@example.com", source="page")
    with visiting(site) as visitor:
        for role in ("writer", "editor"):
            other = At(visitor, signed_in(site, role))
            assert "readers" in words(other.get("/desk/lists"))
            page = other.get(LIST)
            assert "subscribed 2 unsubscribed 1" in words(page)
            assert "example.com" not in page.text and "Import" not in page.text
    assert "Import a file" in words(desk.get(LIST))


def test_members_are_read_page_by_page_and_searched(site, desk, file):
    rows = [f"r{number:03}@x.org,R{number},Pune\n" for number in range(120)]
    file.write_text("email,first_name,city\n" + "".join(rows) + "zoë@x.org,Zoë,Århus\n", encoding="utf-8")
    sync_list(site.app, "readers", allow_removals=True)
    seen, path = [], f"{LIST}/members"
    while path:
        page = desk.get(path)
        seen += re.findall(r"lists:reader\?s=([^\"]+)", page.text)
        following = re.search(r'<a href="([^"]+)"[^>]*>More', page.text)
        path = following and unescape(following[1])
    assert len(seen) == len(set(seen)) == 121
    for query, who in (
        ("r00", 10),
        ("R119", 1),
        ("ÅRHUS", 1),
        ("ZOË", 1),
        ("@x.org", 50),
        ("first_name", 0),
        ("r%", 0),
    ):
        found = desk.get(f"{LIST}/members", params={"q": query}).text
        assert len(re.findall(r"lists:reader\?s=", found)) == who, query
    rows_only = desk.get(f"{LIST}/members?q=R119&after=m:0", headers={"HX-Request": "true"})
    assert rows_only.text.lstrip().startswith("<tr>")
    for nonsense in ("a:", "m:x", "m:99999999999999999999", "zz", "m:-1"):
        assert desk.get(f"{LIST}/members", params={"q": "r", "after": nonsense}).status_code == 200


def urls_of(page):
    return [unescape(each) for each in re.findall(r'(?:href|src|action|hx-get)="([^"]*)"', page.text)]


def test_no_url_of_the_desk_contains_an_address_or_a_search(site, desk, file):
    sync_list(site.app, "readers")
    site.ledger.suppressions.unsubscribe("bo@example.com", source="page")
    searches = (
        ("/desk/lists:reader", {"email": "ana@example.com"}, "On 1 list"),
        (f"{LIST}/members", {"q": "ana@"}, "ana@example.com"),
        ("/desk/lists:suppressions", {"q": "bo@", "reason": "unsubscribed"}, "bo@example.com"),
        ("/desk/dispatches/tide/preview", {"as": "ana@example.com", "view": "text"}, "Plain text"),
    )
    for path, fields, shown in searches:
        found = desk.post("/desk/search", {"page": path, **fields})
        url = found.headers["location"]
        page = desk.get(url)
        assert (found.status_code, page.status_code, shown in words(page)) == (303, 200, True), path
        for each in (url, *urls_of(page), *urls_of(desk.get(path))):
            assert "@" not in each and "%40" not in each
        assert 'method="get"' not in page.text
    edited = desk.post(f"{LIST}/members/edit", {"email": "ana@example.com", "field:city": "Lisbon"})
    assert edited.headers["location"].startswith("/desk/lists:reader?s=")
    assert "ana@example.com" in words(desk.get(edited.headers["location"]))


def test_a_search_leads_to_a_page_of_the_desk_only(desk):
    for page in ("", "https://evil.example/", "//evil.example", "/desk/x?q=1", "/archive/", "/desk/\\evil.example"):
        assert desk.post("/desk/search", {"page": page, "q": "ana"}).status_code == 404, page
    assert desk.post("/desk/search", {"page": "/desk/lists:reader", "email": "a" * 5000}).status_code == 422
    for seal in ("x", "A" * 43, "é"):
        answer = desk.get("/desk/lists:reader", params={"s": seal})
        assert (answer.status_code, "no longer valid" in words(answer)) == (422, True)


def test_what_a_list_holds_is_never_markup(desk):
    for path in (f"{LIST}/members", "/desk/lists:reader?email=bo@example.com"):
        page = desk.get(path).text
        assert "Bo <b>" not in page and "Bo &lt;b&gt;" in page


def test_an_upload_is_read_applied_and_undone(site, desk, file):
    before = file.read_bytes()
    where = upload(desk, "Email;Vorname;city\nana@example.com;Anna;\nnew@x.org;N;Lima\nbad@@x.org;;\nNEW@x.org;;\n")
    plan = desk.get(where)
    assert "fair.csv, 4 rows, semicolons, UTF-8. Nothing has changed yet." in words(plan)
    for number in (
        "will be mailed 1",
        "already on the list 1",
        "rejected ( download ) 1",
        "duplicate 1",
        "1 is changed",
    ):
        assert number in words(plan), number
    assert "removed from the list" not in words(plan)
    assert "4;“bad@@x.org” is not an e-mail address (two @)" in desk.get(f"{where}/rejected").text
    assert "4 “bad@@x.org” is not an e-mail address (two @)" in words(plan)
    assert file.read_bytes() == before
    answer = desk.post(where, {"base": base_of(plan)})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}/imports")
    kept = desk.get(f"{LIST}/imports")
    assert "fair.csv" in words(kept) and "rejected ( download ) 1" in words(kept) and "Ada Admin" in words(kept)
    assert (
        "bad@@x.org"
        in desk.get(re.search(r'href="[^"]*(/desk/lists/readers/imports/\w+/rejected)"', kept.text)[1]).text
    )
    assert file.read_text(encoding="utf-8").endswith("new@x.org,N,Lima\n") and "Anna" in file.read_text("utf-8")
    assert desk.get(where).status_code == 404
    history = desk.get(f"{LIST}/history")
    assert "1 added, 1 changed" in words(history)
    to = re.search(r'history/(\d+)">Undo the last change…', history.text)[1]
    asks = desk.get(f"{LIST}/history/{to}")
    assert f"Restore version {to} and remove 1 reader" in words(asks) and "Yes, remove 1 of 4 readers" in words(asks)
    assert file.read_bytes() != before
    refused = desk.post(f"{LIST}/history", {"to": to})
    assert refused.status_code == 422 and "tick the box below the numbers" in words(refused)
    assert desk.post(f"{LIST}/history", {"to": to, "allow_removals": "on"}).status_code == 303
    assert file.read_bytes() == before
    assert [each[0] for each in done(site)] == ["list.undo", "list.apply", "list.upload"]
    assert site.ledger.syncs.history("readers")[0].by == "Ada Admin, at the desk"
    assert desk.post(f"{LIST}/history", {"to": "999"}).status_code == 422


def test_an_edit_of_the_file_is_discarded_from_each_page_that_shows_it(site, desk, file):
    before, last = file.read_bytes(), site.ledger.syncs.history("readers")[0].sync
    file.write_bytes(before.splitlines(keepends=True)[0])
    for path in (LIST, f"{LIST}/sync", f"{LIST}/history"):
        assert f'href="{LIST}/history/{last}">' in desk.get(path).text.replace("https://letters.example.com", ""), path
    assert f"changed after version {last}, and the changes are not applied yet" in words(desk.get(f"{LIST}/history"))
    asks = desk.get(f"{LIST}/history/{last}")
    assert "Discard the changes to readers.csv?" in words(asks)
    assert "No reader is added, changed or removed." in words(asks)
    assert desk.post(f"{LIST}/history", {"to": str(last)}).status_code == 303
    assert file.read_bytes() == before
    assert "discard" not in desk.get(LIST).text
    file.write_text("name\n")
    assert "discard the changes to the file" in words(desk.get(LIST))
    for unknown in ("999", "x", "0"):
        assert desk.get(f"{LIST}/history/{unknown}").status_code == 404


def test_a_whole_list_of_fewer_readers_must_be_meant(desk, file):
    before = file.read_bytes()
    where = upload(desk, "email\nana@example.com\n", way="whole")
    plan = desk.get(where)
    assert "Yes, remove 2 of 3 readers" in words(plan) and "Import into readers and remove 2 readers" in words(plan)
    refused = desk.post(where, {"base": base_of(plan)})
    assert (refused.status_code, "tick the box" in words(refused)) == (422, True)
    assert file.read_bytes() == before
    assert desk.post(where, {"base": base_of(plan), "allow_removals": "on"}).status_code == 303
    assert file.read_bytes() == b"email\nana@example.com\n"


def test_who_stays_out_is_told_with_reason_and_a_file_may_be_left(site, desk, file):
    site.ledger.suppressions.unsubscribe("gone@x.org", source="page")
    before = file.read_bytes()
    where = upload(desk, "email\ngone@x.org\n")
    assert "gone@x.org Unsubscribed 15 Jan 2027, on the unsubscribe page" in words(desk.get(where))
    assert desk.post(f"{where}/leave").status_code == 303
    assert desk.get(where).status_code == 404
    assert file.read_bytes() == before


def test_a_plan_that_is_out_of_date_is_shown_anew(desk, file):
    where = upload(desk, "email\nnew@x.org\n")
    base = base_of(desk.get(where))
    file.write_text(file.read_text("utf-8") + "git@x.org,,\n", encoding="utf-8")
    answer = desk.post(where, {"base": base})
    assert answer.headers["location"] == where
    assert "new@x.org" not in file.read_text("utf-8")


def test_a_file_that_is_no_list_is_refused_in_words(desk):
    for name, data, says in (
        ("a.xlsx", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "“a.xlsx” is an Excel"),
        ("a.zip", b"PK\x03\x04" + bytes(26) + b"a.csv", "“a.zip” is a ZIP file, not a CSV file. Unpack it, and import"),
        ("a.csv", b"name\nAna\n", "no column contains the address"),
    ):
        answer = desk.post(f"{LIST}/upload", {"way": "add"}, files={"file": (name, data, "text/csv")})
        assert (answer.status_code, says in words(answer)) == (422, True)
    assert "No file was chosen" in words(desk.post(f"{LIST}/upload", {"way": "add"}))


def test_a_person_s_story_and_their_row(site, desk, file):
    page = desk.get("/desk/lists:reader?email=ANA@example.com")
    assert "On 1 list" in words(page) and "line 2 of readers.csv" in words(page)
    edit = {"email": "ana@example.com", "field:city": "Lisbon", "field:email": "evil@x.org", "field:status": "x"}
    assert desk.post(f"{LIST}/members/edit", edit).status_code == 303
    assert "ana@example.com,Ana,Lisbon\n" in file.read_text("utf-8")
    assert "readers: city “Porto Novo” → “Lisbon”, by Ada Admin" in words(
        desk.get("/desk/lists:reader?email=ana@example.com")
    )
    site.ledger.webhooks.add("https://crm.example.org/secret-path", EVENTS, key_name="key-1")
    assert desk.post("/desk/lists:reader/unsubscribe", {"email": "ana@example.com"}).status_code == 303
    told = words(desk.get("/desk/lists:reader?email=ana@example.com"))
    assert "Webhook crm.example.org: unsubscribed (waiting)" in told and "secret-path" not in told
    assert site.reason("ana@example.com") == "unsubscribed"
    assert "Unsubscribed, by Ada Admin" in words(desk.get("/desk/lists:reader?email=ana@example.com"))
    assert desk.post(f"{LIST}/members/remove", {"email": "chen@example.org"}).status_code == 303
    assert "chen" not in file.read_text("utf-8")
    assert "Unknown address" in words(desk.get("/desk/lists:reader?email=nobody@x.org"))
    assert desk.get("/desk/lists:reader?email=nobody").status_code == 422


def test_somebody_is_added_but_nobody_who_left(site, desk, file):
    assert desk.post(f"{LIST}/members", {"email": "new@x.org", "field:first_name": "=N"}).status_code == 303
    assert file.read_text("utf-8").endswith("new@x.org,=N,\n")
    site.ledger.suppressions.unsubscribe("gone@x.org", source="page")
    refused = desk.post(f"{LIST}/members", {"email": "gone@x.org"})
    assert (refused.status_code, "the person opted out (unsubscribed)" in words(refused)) == (422, True)


def test_erasing_wants_the_address_typed_and_leaves_it_nowhere(site, desk, file):
    desk.post(f"{LIST}/members/edit", {"email": "ana@example.com", "field:city": "Lisbon"})
    ask = desk.get("/desk/lists:reader/erase?email=ana@example.com")
    assert "This cannot be undone" in words(ask) and "readers.csv" in words(ask)
    for typed in ("", "bo@example.com", "nonsense"):
        assert desk.post("/desk/lists:reader/erase", {"email": "ana@example.com", "typed": typed}).status_code == 422
    assert site.ledger.members.of("ana@example.com")
    answer = desk.post("/desk/lists:reader/erase", {"email": "ana@example.com", "typed": " ANA@example.com "})
    assert answer.status_code == 303
    assert "ana@" not in file.read_text("utf-8")
    assert "ana@example.com" not in repr(site.contents()).lower()
    assert done(site)[0][:2] == ("reader.erase", "a…@example.com")


def test_suppressions_are_searched_added_and_taken_back(site, desk):
    path = "/desk/lists:suppressions"
    assert desk.post(path, {"emails": "solo@x.org\r\ntwo@x.org, three@y.org"}).status_code == 303
    site.ledger.suppressions.unsubscribe("gone@x.org", source="page")
    page = words(desk.get(path))
    assert "blocked 3" in page and "unsubscribed 1" in page
    assert "three@y.org" not in words(desk.get(f"{path}?q=X.ORG"))
    assert "solo@x.org" not in words(desk.get(f"{path}?reason=unsubscribed"))
    assert desk.get(f"{path}?reason=nonsense&after=%00").status_code in {200, 422}
    assert desk.post(f"{path}/remove", {"email": "solo@x.org"}).status_code == 303
    assert site.reason("solo@x.org") == ""
    refused = desk.post(f"{path}/remove", {"email": "gone@x.org"})
    assert (refused.status_code, "Only the person can undo their own opt-out" in words(refused)) == (422, True)
    for _ in range(2):
        assert desk.post("/desk/lists:reader/unsubscribe", {"email": "mine@x.org"}).status_code == 303
    site.ledger.suppressions.unsubscribe("theirs@x.org", source="Somebody Else, at the desk")
    assert "Undo unsubscribing" not in desk.get("/desk/lists:reader?email=theirs@x.org").text
    assert "Undo unsubscribing" in desk.get("/desk/lists:reader?email=mine@x.org").text
    assert "Undo unsubscribing" not in desk.get("/desk/lists:reader?email=gone@x.org").text
    assert 'value="mine@x.org"' in desk.get(path).text
    assert 'value="gone@x.org"' not in desk.get(path).text
    assert desk.post(f"{path}/remove", {"email": "mine@x.org"}).status_code == 303
    assert site.reason("mine@x.org") == ""
    assert desk.post(path, {"emails": "solo@x.org nonsense"}).status_code == 422
    assert site.reason("solo@x.org") == ""


def test_an_export_is_safe_for_a_spreadsheet_unless_it_is_for_a_program(site, desk, file):
    file.write_text("email,first_name\nana@x.org,=1+1\n", encoding="utf-8")
    sync_list(site.app, "readers", allow_removals=True)
    answer = desk.post(f"{LIST}/export")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "ana@x.org,'=1+1,subscribed," in answer.text
    assert ",=1+1," in desk.post(f"{LIST}/export", {"raw": "on"}).text
    assert done(site)[0][:2] == ("list.export", "readers")


def test_settings_are_written_and_comments_stay(site, desk, file):
    toml = file.with_suffix(".toml")
    toml.write_text('# ours\ntitle = "Old"  # so\nlanguage = "pt"\n', encoding="utf-8")
    form = {"title": "The Harbour “Letter”", "public": "on", "own_fields": ["first_name", "city"], "language": ""}
    assert desk.post(f"{LIST}/settings", form).status_code == 303
    settings = load_list_settings(file.parent, "readers")
    assert (settings.title, settings.public, settings.own_fields) == (form["title"], True, ("first_name", "city"))
    assert settings.language == "" and "# ours" in toml.read_text("utf-8")
    assert "The Harbour “Letter”" in words(desk.get(LIST))
    before = toml.read_bytes()
    for wrong in ({"own_fields": ["email"]}, {"welcome": "No Slug"}, {"language": "klingon!"}, {"title": "a\nb"}):
        assert desk.post(f"{LIST}/settings", wrong).status_code == 422, wrong
    assert toml.read_bytes() == before


def test_a_refused_form_keeps_what_was_typed_and_names_the_field(site, desk, file):
    typed = {
        "title": "Harbour",
        "description": "All of it",
        "public": "on",
        "origins": "https://a.example",
        "welcome": "tide",
    }
    for key, wrong, says in (
        ("language", "klingon!", "Use a language code such as en or pt-BR."),
        ("welcome", "no-such-dispatch", "There is no dispatch of this name."),
    ):
        answer = desk.post(f"{LIST}/settings", {**typed, key: wrong})
        assert answer.status_code == 422
        shown = answer.text
        for text in (
            f'value="{wrong}"',
            'value="Harbour"',
            'value="All of it"',
            'value="https://a.example"',
            f'id="wrong-{key}"',
        ):
            assert text in shown, (key, text)
        assert says in words(answer) and re.search(rf'name="{key}"[^>]*aria-describedby="wrong-{key}"', shown)
        assert not file.with_suffix(".toml").exists()
    assert desk.post(f"{LIST}/settings", typed).status_code == 303
    path = "/desk/lists:suppressions"
    answer = desk.post(path, {"emails": "good@x.org\nbad@@x.org\nnonsense"})
    assert (answer.status_code, site.reason("good@x.org")) == (422, "")
    assert "good@x.org\nbad@@x.org\nnonsense</textarea>" in answer.text
    assert "“bad@@x.org” is not an e-mail address (two @)" in words(answer) and "“nonsense”" in words(answer)
    for path, form, says in (
        ("/desk/lists", {"name": "a/b"}, 'value="a/b"'),
        ("/desk/dispatches", {"title": " "}, "A dispatch needs a title."),
        (f"{LIST}/upload", {"way": "whole"}, 'value="whole" checked'),
    ):
        answer = desk.post(path, form)
        assert answer.status_code == 422 and says in answer.text and 'id="wrong"' in answer.text, path
    answer = desk.post(f"{LIST}/members", {"email": "good@@x.org", "field:first_name": "Gil"})
    assert answer.status_code == 422 and "“good@@x.org” is not an e-mail address (two @)" in words(answer)
    assert 'value="good@@x.org"' in answer.text and 'value="Gil"' in answer.text
    long = "Tide " * 200_001
    answer = desk.post("/desk/dispatches:paste", {"text": long})
    assert answer.status_code == 422 and long.strip() in answer.text and "Paste one issue at a time." in words(answer)


def test_a_name_that_no_list_can_have_is_refused(desk, file):
    for name in ("", "../x", "a/b", ".hidden", "x.rejected", "READERS", "a" * 81, "a:b", "readers"):
        assert desk.post("/desk/lists", {"name": name}).status_code == 422, name
    assert [path.name for path in file.parent.iterdir()] == ["readers.csv"]


def test_a_new_list_begins_with_an_upload(desk, file):
    answer = desk.post("/desk/lists", {"name": "Друзья порта"})
    here = answer.headers["location"].removesuffix("/upload")
    assert file.with_name("Друзья порта.csv").read_text() == "email,first_name\n"
    assert "Add readers one by one" in words(desk.get(f"{here}/upload"))
    assert "First name" in words(desk.get(f"{here}/members"))
    more = {"file": ("new.csv", b"email,last_name\nana@x.org,Reis\n", "text/csv")}
    where = desk.post(f"{here}/upload", {"way": "whole"}, files=more).headers["location"]
    assert desk.post(where, {"base": base_of(desk.get(where))}).headers["location"] == f"{here}/imports"
    for page in ("", "/imports", "/members", "/history", "/settings", "/sync"):
        assert desk.get(f"{here}{page}").status_code == 200, page
    assert "ana@x.org,Reis" in desk.post(f"{here}/export").text
    assert desk.get("/desk/lists/none").status_code == 404


def test_a_list_says_what_is_not_in_its_file_yet(site, desk, file):
    assert "not in the list file yet" not in words(desk.get(LIST))
    site.ledger.suppressions.unsubscribe("ana@example.com", source="page")
    assert "1 departure is not in the list file yet." in words(desk.get(LIST))
    site.ledger.suppressions.unsubscribe("bo@example.com", source="page")
    assert site.ledger.syncs.pending("readers") == PendingChanges(sign_ups=0, departures=2, returns=0, statuses=0)
    assert "2 departures are not in the list file yet." in words(desk.get(LIST))
    sync_list(site.app, "readers")
    assert "not in the list file yet" not in words(desk.get(LIST))
    file.with_name("new.csv").write_text("email\n", encoding="utf-8")
    assert "Not read yet. Read it now" in words(desk.get("/desk/lists/new"))
    assert "subscribed –" in words(desk.get("/desk/lists/new"))


def test_a_bounce_is_no_departure(site, desk):
    site.ledger.suppressions.suppress("bo@example.com", SuppressionReason.BOUNCED, source="send 1")
    assert "1 change of status, such as a bounce, is not in the list file yet." in words(desk.get(LIST))


def test_the_many_empty_fields_of_a_reader_are_folded_away(desk, file):
    columns = [f"MMERGE{number}" for number in range(20)]
    file.write_text(f"email,first_name,{','.join(columns)}\nana@example.com,Ana{',' * 19},x\n", encoding="utf-8")
    desk.post(f"{LIST}/sync", {"allow_removals": "on"})
    page = desk.get("/desk/lists:reader?email=ana@example.com").text
    shown, _, folded = page.partition("19 empty fields")
    assert 'name="field:mmerge19" value="x"' in shown and 'name="field:first_name"' in shown
    assert 'name="field:mmerge0"' in folded and "<details>" in shown


def test_readers_who_join_without_getting_mail_are_no_success(site, desk, file):
    where = upload(desk, "Email,UNSUB_TIME\nnew@x.org,2025-05-03\n")
    plan = words(desk.get(where))
    assert "will be mailed 0" in plan and "opted out 1" in plan
    assert "Added, but get no mail Reader Reason new@x.org Unsubscribed, in this file" in plan
    site.ledger.suppressions.unsubscribe("left@x.org", source="page")
    plan = words(desk.get(upload(desk, "Email\nleft@x.org\n")))
    assert "Added, but get no mail" in plan and "Not re-added" not in plan
    assert plan.count("left@x.org") == 1


def test_looking_at_a_plan_writes_nothing_and_each_change_names_its_author(site, desk, file):
    site.ledger.suppressions.unsubscribe("ana@example.com", source="page")
    before, history = file.read_bytes(), site.ledger.syncs.history("readers")
    waiting = upload(desk, "email\nnew@x.org\n")
    for path in (waiting, f"{LIST}/sync", f"{LIST}/imports", f"{LIST}/history/{history[0].sync}"):
        desk.get(path)
    assert "Review fair.csv" in words(desk.get(f"{LIST}/imports"))
    assert (file.read_bytes(), site.ledger.syncs.history("readers")) == (before, history)
    assert desk.post(f"{LIST}/sync").status_code == 303
    file.write_text(file.read_text("utf-8") + "git@x.org,,,\n", encoding="utf-8")
    assert (
        desk.post(f"{LIST}/upload", {"way": "add"}, files={"file": ("a.csv", b"email\nz@x.org\n", "text/csv")})
        .headers["location"]
        .endswith("/sync")
    )
    assert desk.post(f"{LIST}/members", {"email": "hand@x.org"}).status_code == 303
    authors = [each.by for each in site.ledger.syncs.history("readers")[:3]]
    assert authors == ["Ada Admin, at the desk", "list file", "readers"]
    told = words(desk.get(f"{LIST}/history"))
    for author in ("by Ada Admin, at the desk", "by an edit of the list file", "by the readers themselves"):
        assert author in told, author


def test_a_file_that_was_changed_by_hand_is_named_and_brought_together(desk, file):
    assert "Review the changes" not in words(desk.get(LIST))
    file.write_text(file.read_text("utf-8") + "git@x.org,G,\n", encoding="utf-8")
    assert "Review the changes" in words(desk.get(LIST))
    assert "git@x.org" in words(desk.get(f"{LIST}/sync"))
    assert "git@x.org" not in desk.get(f"{LIST}/members").text
    assert desk.post(f"{LIST}/sync").status_code == 303
    assert "git@x.org" in desk.get(f"{LIST}/members").text
    file.write_text("email,first_name\ngit@x.org,G\n", encoding="utf-8")
    for path, form in (
        ("members", {"email": "new@x.org", "field:first_name": "Nia"}),
        ("members/edit", {"email": "ana@example.com", "field:first_name": "Nia"}),
    ):
        first = desk.post(f"{LIST}/{path}", form)
        assert (first.status_code, 'value="Nia"' in first.text) == (422, True), first.text
        assert f'href="{LIST}/sync"' in first.text and "This would remove 3 of 4 readers" in words(first)
    assert desk.post(f"{LIST}/members/remove", {"email": "ana@example.com"}).headers["location"] == f"{LIST}/sync"
    assert desk.post(f"{LIST}/sync").status_code == 422
    assert desk.post(f"{LIST}/sync", {"allow_removals": "on"}).status_code == 303


def test_a_column_that_may_hold_opt_outs_is_named_and_its_meaning_is_chosen(site, desk, file):
    file.write_text("email,first_name,city,Ausgetreten?\nana@example.com,Ana,,\nbo@example.com,Bo,,weg\n", "utf-8")
    desk.post(f"{LIST}/sync", {"allow_removals": "on"})
    shown = words(desk.get(LIST))
    assert "The column “Ausgetreten?” may say who gets no mail: it contains “weg” in line 3." in shown
    settings = desk.get(f"{LIST}/settings").text
    assert 'name="column:ausgetreten"' in settings and "readers.toml" not in settings
    assert desk.post(f"{LIST}/settings", {"column:ausgetreten": "opt-out"}).status_code == 303
    assert load_list_settings(file.parent, "readers").columns == {"ausgetreten": "opt-out"}
    shown = words(desk.get(LIST))
    assert "may say who gets no mail" not in shown and "The file must be read again." in shown
    desk.post(f"{LIST}/sync", {})
    assert site.app.ledger.member_search.count("readers") == {"": 1, "unsubscribed": 1}
    assert site.app.ledger.syncs.state("readers").unclear == ()
