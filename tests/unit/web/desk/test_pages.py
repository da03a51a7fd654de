"""The desk without scripts: list, editor, conflicts, preview, photos and history by plain forms."""

import json
import os
import re
from html import unescape

import pytest

from mailer.web.desk.accounts.profile import browser_name
from mailer.web.desk.accounts.signin import safe_path
from mailer.web.desk.flash import Flash, decode_flash, encode_flash
from mailer.web.desk.render import STATIC, time_ago
from tests.contract.web.desk.test_drafts import picture
from tests.support.deskpages import ORIGIN, At, signed_in
from tests.support.site import site_in, visiting
from tests.support.workspaces import DISPATCH, make_workspace

TIDE = "/desk/dispatches/tide"


@pytest.fixture
def site(tmp_path):
    make_workspace(tmp_path)
    with site_in(tmp_path) as made:
        yield made


@pytest.fixture
def desk(site):
    with visiting(site) as visitor:
        yield At(visitor, signed_in(site, "writer"))


@pytest.fixture
def file(site):
    return site.app.workspace.dispatches / "tide.md"


def base_of(page):
    return re.search(r'name="base" value="(\w+)"', page.text)[1]


def test_a_dispatch_is_created_written_and_saved(site, desk):
    begun = desk.post("/desk/dispatches", {"title": "Fog on the river"})
    path = begun.headers["location"]
    assert path == "/desk/dispatches/2027-01-15-fog-on-the-river"
    page = desk.get(path)
    text = unescape(re.search(r'<textarea id="text"[^>]*>\n(.*?)</textarea>', page.text, re.DOTALL)[1])
    assert text.startswith("---\ntitle:")
    answer = desk.post(path, {"text": text.replace("Write your note here.", "Fog."), "base": base_of(page)})
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert "Fog." in (site.app.workspace.dispatches / "2027-01-15-fog-on-the-river.md").read_text()
    assert [each.action for each in site.ledger.audit.entries()] == ["dispatch.save", "dispatch.new"]
    assert "Fog on the river" in desk.get("/desk/dispatches?q=fog").text
    assert "No dispatch matches “nowhere”." in desk.get("/desk/dispatches?q=nowhere").text


def test_a_text_keeps_its_leading_empty_lines(desk, file):
    file.write_text("\n\nx\n")
    page = desk.get(TIDE)
    assert re.search(r"<textarea[^>]*>\n\n\nx\n</textarea>", page.text)


def test_after_a_conflict_the_user_sees_both_versions_and_chooses(site, desk, file):
    base = base_of(desk.get(TIDE))
    file.write_text("by git\n")
    answer = desk.post(TIDE, {"text": "<mine>\r\n", "base": base})
    assert answer.status_code == 409
    assert "&lt;mine&gt;" in answer.text and "by git" in answer.text
    assert file.read_text() == "by git\n"
    assert desk.post(TIDE, {"text": "<mine>\r\n", "base": base_of(answer)}).status_code == 303
    assert file.read_text() == "<mine>\n"


def test_the_same_routes_answer_the_script_with_json(site, desk, file):
    ask = {"Accept": "application/json"}
    base = base_of(desk.get(TIDE))
    saved = desk.post(TIDE, {"text": "x\n", "base": base, "auto": "1"}, headers=ask)
    assert set(saved.json()) == {"digest", "words", "title", "shown", "layout", "html"}
    assert site.ledger.audit.entries() == ()
    clash = desk.post(TIDE, {"text": "y\n", "base": base, "auto": "1"}, headers=ask)
    assert (clash.status_code, clash.json()["digest"], clash.json()["text"]) == (409, saved.json()["digest"], "x\n")
    refused = desk.post(TIDE, {"text": "\0", "base": base}, headers=ask)
    assert (refused.status_code, "NUL" in refused.json()["message"]) == (422, True)
    assert desk.get(f"{TIDE}/text").json()["text"] == "x\n"
    found = desk.get(f"{TIDE}/findings", headers=ask).json()
    assert found["outdated"] == "Fix the errors to see a preview."
    assert {"line", "column", "severity", "message"} == set(found["marks"][0])
    assert desk.get("/desk/dispatches/none/findings", headers=ask).status_code == 404


def test_the_shelf_has_tabs_by_state(desk, file):
    file.with_name("open.md").write_text("---\ntitle: [\n---\n", encoding="utf-8")
    for state, shown in (
        ("", {"tide", "open"}),
        ("draft", {"open"}),
        ("ready", {"tide"}),
        ("sent", set()),
        ("x", {"tide", "open"}),
    ):
        page = desk.get(f"/desk/dispatches?state={state}").text
        assert set(re.findall(r'class="headline" href="/desk/dispatches/(\w+)"', page)) == shown, state
        assert re.search(
            r'aria-current="page">[^<]*Draft' if state == "draft" else "Draft <span class=.quiet.>1<", page
        )


def test_findings_have_a_page_for_browsers_without_scripts(desk, file):
    file.write_text(DISPATCH.replace("source:", "sorce:"), encoding="utf-8")
    page = unescape(desk.get(f"{TIDE}/findings").text)
    assert "2 errors" in page
    assert "“sorce”" in page
    assert f'href="{TIDE}#line-17" data-line="17"' in page
    assert "Fix before sending" in page and "Warnings" not in page


def forms_of(page):
    """The forms of the findings, as a browser would send them: their action's fields by name, and by the words of a button."""
    found = {}
    for form in re.findall(r'<form class="\w+" method="post" action="[^"]+/findings">(.*?)</form>', page, re.DOTALL):
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        button = re.search(r"<button( name=\"(\w+)\" value=\"([^\"]+)\")?[^>]*>([^<]+)</button>", form)
        found[button[4]] = {**fields, **({button[2]: button[3]} if button[1] else {})}
    return {name: {key: unescape(value) for key, value in fields.items()} for name, fields in found.items()}


def test_findings_are_fixed_by_their_buttons_and_fields_and_ignored_with_a_reason(desk, file):
    start = (
        DISPATCH.replace("source:", "sorce:").replace("date: 2026-10-31\n", "").replace("https://tides", "http://tides")
    )
    file.write_text(start, encoding="utf-8")
    first = forms_of(desk.get(f"{TIDE}/findings").text)
    assert desk.post(f"{TIDE}/findings", first["Use “source”"]).headers["location"] == f"{TIDE}/findings"
    assert desk.post(f"{TIDE}/findings", {**first["Add"], "value": "2026-10-31"}).status_code == 422, "an earlier text"
    again = forms_of(desk.get(f"{TIDE}/findings").text)
    assert desk.post(f"{TIDE}/findings", {**again["Add"], "value": ""}).status_code == 303
    desk.post(f"{TIDE}/findings", {**again["Add"], "value": "2026-10-31"})
    assert "on Tuesday\ndate: 2026-10-31\nsource: Harbour" in file.read_text("utf-8")
    page = desk.get(f"{TIDE}/findings").text
    ignore = forms_of(page)["Ignore in this dispatch"]
    assert ignore["ignore"] == "link-insecure" and "<summary>Why</summary>" in page
    desk.post(f"{TIDE}/findings", ignore)
    assert "check: ignore" not in file.read_text("utf-8"), "without a reason"
    desk.post(f"{TIDE}/findings", {**ignore, "reason": "The site has no https."})
    assert "# The site has no https.\n# check: ignore link-insecure\n---" in file.read_text("utf-8")
    page = desk.get(f"{TIDE}/findings").text
    assert "No problems found" in page and "The site has no https." in unescape(page)
    desk.post(f"{TIDE}/findings", forms_of(page)["Check again"])
    desk.post(f"{TIDE}/findings", forms_of(desk.get(f"{TIDE}/findings").text)["Use https"])
    wanted = DISPATCH.replace("source: Harbour Times\ndate: 2026-10-31\n", "date: 2026-10-31\nsource: Harbour Times\n")
    assert file.read_text("utf-8") == wanted
    base = forms_of(desk.get(f"{TIDE}/findings").text)
    assert base == {}
    refused = desk.post(f"{TIDE}/findings", {"base": base_of(desk.get(TIDE)), "ignore": "missing-key", "reason": "x"})
    assert refused.status_code == 303 and file.read_text("utf-8") == wanted, "an error cannot be ignored"


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("phone", "'self' https: data:"),
        ("dark", "'self' https: data:"),
        ("no-images", "data:"),
        ("nonsense", "'self' https: data:"),
    ],
)
def test_the_preview_is_in_a_frame_without_scripts(desk, view, images):
    answer = desk.get(f"{TIDE}/letter?view={view}")
    policy = answer.headers["content-security-policy"]
    assert f"img-src {images};" in policy
    assert "script-src" not in policy and "default-src 'none'" in policy
    assert "frame-ancestors 'self'; sandbox allow-same-origin" in policy
    assert "High water" not in answer.text
    assert (
        f'src="{TIDE}/letter?view={view if view != "nonsense" else "phone"}"'
        in desk.get(f"{TIDE}/preview?view={view}").text
    )


def test_the_line_in_the_inbox_is_above_the_message_with_and_without_a_script(desk):
    page, as_zoe = desk.get(f"{TIDE}/preview?view=desktop&as=first_name=Zoe").text, "view=phone&as=first_name=Zoe"
    assert page.index('class="inbox desktop"') < page.index("<iframe") and "for Zoe</bdi>" in page
    told = desk.get(f"{TIDE}/inbox?{as_zoe}", headers={"Accept": "application/json"}).json()["html"]
    for words in ("inbox phone", "Gmail", "Apple Mail", "Outlook", "The Harbour Letter", "The tide table, for Zoe"):
        assert words in told
    assert desk.get(f"{TIDE}/inbox?as=ana@example.com").json()["html"].strip() == "", "a writer learns of no reader"


def test_a_writer_previews_as_a_made_up_reader_and_learns_of_no_reader(site, desk):
    assert "High water is at noon" in desk.get(f"{TIDE}/letter?as=city=Porto+Novo,+first_name=Zoe").text
    assert "for Zoe" in desk.get(f"{TIDE}/letter?view=text&as=city=Porto+Novo,+first_name=Zoe").text
    answers = [desk.get(f"{TIDE}/letter?as={who}@example.com") for who in ("ana", "nobody")]
    assert [each.status_code for each in answers] == [422, 422]
    assert answers[0].text.replace("ana@", "nobody@") == answers[1].text
    assert site.ledger.audit.entries() == ()


def test_a_preview_as_a_reader_is_in_the_log_once_an_hour(site, desk):
    editor = At(desk.visitor, signed_in(site, "editor"))
    for _ in range(2):
        editor.get(f"{TIDE}/letter?as=ana@example.com")
        editor.get(f"{TIDE}/letter?view=text&as=ana@example.com")
    [entry] = site.ledger.audit.entries()
    assert (entry.action, entry.object, entry.detail) == ("dispatch.preview", "tide", "as a…@example.com")


def test_the_preview_shows_the_fields_of_a_reader(site, desk):
    desk = At(desk.visitor, signed_in(site, "editor"))
    assert "High water is at noon" in desk.get(f"{TIDE}/letter?as=ana@example.com").text
    plain = desk.get(f"{TIDE}/letter?view=text&as=ana@example.com")
    assert "<h1>The tide table, for Ana</h1>" in plain.text
    assert "High water is at noon" in plain.text
    unknown = desk.get(f"{TIDE}/letter?as=nobody@example.com")
    assert (unknown.status_code, "is not on any list" in unknown.text) == (422, True)
    assert "frame-ancestors 'self'" in unknown.headers["content-security-policy"]


def test_text_that_a_user_types_is_escaped(desk, file):
    file.write_text(DISPATCH.replace("The tide table", "<script>alert(1)</script>", 1), encoding="utf-8")
    for path in ("/desk/dispatches", TIDE, f"{TIDE}/findings", f"{TIDE}/letter"):
        assert "<script>alert" not in desk.get(path).text


def test_a_photo_needs_a_description_and_is_shown_in_the_preview(desk, file):
    photo = {"photo": ("quay.jpg", picture(), "image/jpeg")}
    assert "Say in a sentence what it shows" in desk.post(f"{TIDE}/photos", {"alt": " "}, files=photo).text
    assert "No photo was chosen" in desk.post(f"{TIDE}/photos", {"alt": "A quay"}).text
    assert (
        desk.post(f"{TIDE}/photos", {"alt": "A"}, files={"photo": ("x.svg", b"<svg/>", "image/svg+xml")}).status_code
        == 422
    )
    kept = desk.post(
        f"{TIDE}/photos", {"alt": "A [stone] quay"}, files=photo, headers={"Accept": "application/json"}
    ).json()
    assert re.fullmatch(r"photos/quay-[0-9a-f]{8}\.(jpg|png)", kept["file"])
    assert kept["markdown"] == rf"![A \[stone\] quay]({kept['file']})"
    file.write_text(f"{DISPATCH}\n{kept['markdown']}\n", encoding="utf-8")
    source = re.search(r'src="(/desk/dispatches:image/[^"]+)"', desk.get(f"{TIDE}/letter").text)[1]
    image = desk.get(source)
    assert (image.status_code, image.headers["content-type"]) == (
        200,
        "image/jpeg" if source.endswith("jpg") else "image/png",
    )
    assert desk.get("/desk/dispatches:image/none.jpg").status_code == 404


def test_a_photo_in_the_text_keeps_its_caption_and_credit(desk, file):
    fields = {"alt": "A quay", "caption": 'The "old" quay, {{ 1911 }}', "credit": "Ines Moura"}
    answer = desk.post(
        f"{TIDE}/photos",
        fields,
        files={"photo": ("quay.jpg", picture(), "image/jpeg")},
        headers={"Accept": "application/json"},
    )
    file.write_text(f"{DISPATCH}\n{answer.json()['markdown']}\n", encoding="utf-8")
    shown = unescape(desk.get(f"{TIDE}/letter").text)
    assert "The “old” quay, {{ 1911 }} (Ines Moura)" in shown


def test_the_editor_says_that_a_dispatch_was_changed_after_it_was_sent(site, desk, file):
    def said():
        return json.loads(desk.get(f"{TIDE}/findings", headers={"Accept": "application/json"}).text)["since_sent"]

    assert said() == ""
    send = site.send(site.named("tide"))
    os.utime(file, (send.created_at - 60,) * 2)
    assert said() == ""
    os.utime(file, (send.created_at + 60,) * 2)
    assert "this send keeps the earlier text" in said()
    assert said() in unescape(desk.get(TIDE).text)


def test_findings_of_the_least_severity_are_called_suggestions(desk, file):
    file.write_text(DISPATCH.replace("link: https://times.example.org/tides\n", ""), encoding="utf-8")
    page = desk.get(f"{TIDE}/findings").text
    assert "1 suggestion" in page and "note" not in re.findall(r'class="unseen">(\w+): <', page)


def test_an_earlier_version_is_compared_and_restored(desk, file):
    page = desk.get(TIDE)
    desk.post(TIDE, {"text": "new\n", "base": base_of(page)})
    history = desk.get(f"{TIDE}/history")
    number = re.search(r"/history/(\d+)", history.text)[1]
    compared = desk.get(f"{TIDE}/history/{number}")
    assert "<del>new</del>" in compared.text and "<ins>title: The tide table</ins>" in compared.text
    assert desk.post(f"{TIDE}/history/{number}", {"base": base_of(compared)}).status_code == 303
    assert file.read_text(encoding="utf-8") == DISPATCH
    assert desk.get(f"{TIDE}/history/999").status_code == 404


def test_a_past_issue_is_imported_with_a_list_of_what_to_check(desk, site):
    answer = desk.post("/desk/dispatches:paste", {"text": "Fog\n\nIt is foggy.\n\nA title\nno date here\n"})
    assert answer.status_code == 200
    assert "Please check" in answer.text
    assert desk.post("/desk/dispatches:paste", {"text": " "}).status_code == 422


def test_a_form_that_is_too_large_is_refused(desk):
    assert desk.post("/desk/dispatches", {"title": "x" * 3_000_000}).status_code == 413
    assert desk.post(
        "/desk/dispatches", content=b"\xff\xfe", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ).status_code in {400, 403}


def test_static_files_are_cached_by_version_and_other_paths_are_not_served(desk):
    page = desk.get("/desk/dispatches").text
    for address in re.findall(r'(?:src|href)="(/desk/static/[^"]+)"', page):
        assert "immutable" in desk.get(address).headers["cache-control"]
        assert desk.get(address.partition("?")[0]).headers["cache-control"] == "no-cache"
    for name in ("../page.py", "..%2fpage.py", "none.css", "vendor", ""):
        assert desk.get(f"/desk/static/{name}").status_code == 404


def test_each_vendored_script_has_a_licence_file():
    scripts = {path.name.partition(".")[0] for path in (STATIC / "vendor").glob("*.js")}
    assert scripts == {path.name.partition(".")[0] for path in (STATIC / "vendor").glob("*.LICENSE.txt")}


def test_every_page_has_the_strict_policy_and_is_not_cached(desk):
    for path in ("/desk/dispatches", TIDE, "/desk/settings", "/desk/none", "/desk/sign-in"):
        answer = desk.get(path)
        policy = answer.headers.get("content-security-policy")
        assert "unsafe" not in policy
        assert "style=" not in answer.text and "<style" not in answer.text and "onclick" not in answer.text
        if path != "/desk/none":
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("flash", [Flash("Saved."), Flash("Größe “x”" * 500, bad=True, secret="z" * 400), Flash("")])
def test_a_flash_is_shown_on_the_next_page(flash):
    cookie = encode_flash(flash)
    assert len(cookie) < 4000
    found = decode_flash(cookie)
    assert (found.bad, found.secret) == (flash.bad, flash.secret)
    assert flash.text.startswith(found.text.rstrip("…"))


@pytest.mark.parametrize("cookie", ["", "x", "bnVsbA==", "W10=", "\xff", "W1tdXQ=="])
def test_an_invalid_flash_cookie_is_ignored(cookie):
    assert decode_flash(cookie) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (44, "just now"),
        (60, "1 minute ago"),
        (3599, "1 hour ago"),
        (7200, "2 hours ago"),
        (86_400, "1 day ago"),
        (9e6, "104 days ago"),
        (-5, "just now"),
    ],
)
def test_a_duration_is_described_in_words(seconds, words):
    assert time_ago(seconds) == words


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on an iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "curl/8.0"),
        ("", ""),
    ],
)
def test_browsers_have_the_names_that_people_use(agent, name):
    assert browser_name(agent) == name


def test_an_error_page_links_back_to_the_previous_page_of_the_desk(desk):
    at = {"Referer": f"{ORIGIN}/desk/lists?page=2"}
    assert '<a href="/desk/lists?page=2">Back</a>' in desk.post("/desk/lists:suppressions/remove", headers=at).text
    for elsewhere in ("https://evil.example/desk/lists", f"{ORIGIN}/archive/", "//evil.example/desk/"):
        page = desk.post("/desk/lists:suppressions/remove", headers={"Referer": elsewhere})
        assert ">Back</a>" not in page.text


def test_signing_in_never_redirects_outside_the_desk():
    assert safe_path("/desk/x\nSet-Cookie: a=b") == "/desk/"
    assert safe_path("//[") == "/desk/"
