"""The desk in Chromium: signing in, writing, saving, a conflict, the preview; by keyboard, on a phone, without a script; and axe."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.webhooks import EVENTS, WebhookState
from mailer.ledger.webhooks.outbox import WebhookAttempt
from mailer.service.accounts.passwords import hash_password
from tests.contract.web.desk.test_drafts import picture
from tests.support.chromium import faults, painted, served
from tests.support.deskpages import browser_of, signed_in
from tests.support.patience import until
from tests.support.site import site_in
from tests.support.workspaces import DISPATCH, make_workspace

pytestmark = pytest.mark.chromium
PASSWORD = "ferry lamp ocean nine"
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True}
TIDE = "/desk/dispatches/tide"


@pytest.fixture
def site(tmp_path, port):
    make_workspace(tmp_path)
    with site_in(tmp_path, base_url=f"http://127.0.0.1:{port}") as made, served(made, port):
        yield made


@pytest.fixture
def file(site):
    return site.app.workspace.dispatches / "tide.md"


@pytest.fixture
def tab(browser, site, port):
    """Opens a page as somebody; at the end nothing may have gone wrong in any."""
    contexts, wrong = [], []

    def open_one(role="editor", **options):
        context = browser_of(browser, port, signed_in(site, role) if role else None, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        return page

    yield open_one
    for each in contexts:
        each.close()
    assert [each for each in wrong if "Failed to load resource" not in each] == []  # a status is no fault of a page


def editor(page):
    box = page.get_by_role("textbox", name="Text of the dispatch")
    box.wait_for()
    return box


def source(page):
    """The editor with the whole file."""
    box = editor(page)
    page.get_by_role("button", name="Source").click()
    page.locator(".cm-line", has_text="title:").first.wait_for()
    return box


def letter(page):
    page.wait_for_selector("iframe.shown")
    return page.frame_locator("iframe.shown")


def test_somebody_signs_in_and_writes_by_keyboard_only(tab, site):
    user = site.ledger.users.add("Mara Lindqvist", Role.EDITOR)
    site.ledger.users.set_password(user.id, hash_password(PASSWORD, user.name))
    page = tab(None)
    page.goto("/desk/")
    painted(page)
    page.keyboard.type("Mara Lindqvist")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/")
    page.get_by_label("New dispatch").focus()
    page.keyboard.type("Fog")
    page.keyboard.press("Enter")
    page.wait_for_url("**-fog")
    editor(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("Fog lay on the river.")
    path = next(site.app.workspace.dispatches.glob("*-fog.md"))
    until(lambda: path.read_text().endswith("Fog lay on the river."))
    letter(page).get_by_text("Fog lay on the river.").wait_for()
    page.keyboard.press("Tab")  # the editor is no trap
    assert page.evaluate("document.activeElement.className") != "code-host"
    page.locator("details.me summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").press("Enter")
    page.wait_for_url("**/desk/sign-in")
    page.goto("/desk/")
    page.wait_for_url("**/desk/sign-in**")


def test_the_heading_follows_the_title_and_the_fields_at_the_top_are_not_markdown(tab, file):
    text = file.read_text(encoding="utf-8")
    page = tab()
    page.goto(TIDE)
    page.get_by_role("heading", level=1, name="The tide table").wait_for()
    source(page).focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("# a comment, not a heading\n")
    page.keyboard.press("End")
    page.keyboard.type(" of May")
    page.get_by_role("heading", level=1, name="The tide table of May").wait_for()
    assert page.title().startswith("The tide table of May · ")
    until(lambda: "# a comment" in file.read_text(encoding="utf-8"))
    weights = (
        page.locator(".cm-line", has_text="a comment")
        .locator("span")
        .evaluate_all("spans => spans.map(each => getComputedStyle(each).fontWeight)")
    )
    assert "600" not in weights
    file.write_text(text.replace("title: The tide table", "title: Fog"), encoding="utf-8")
    page.get_by_role("heading", level=1, name="Fog", exact=True).wait_for()


def test_findings_stand_at_their_lines_and_in_words(tab, file):
    file.write_text(DISPATCH.replace("source:", "sorce:"), encoding="utf-8")
    page = tab()
    page.goto(TIDE)
    page.get_by_role("heading", name="2 errors").wait_for()
    page.locator(".cm-lint-marker-error").first.wait_for()
    page.get_by_text("Fix the errors to see a preview.").first.wait_for()
    page.locator("#findings a[data-line='17']").first.click()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.type("u")
    until(lambda: "source: Harbour" in file.read_text(encoding="utf-8"))
    letter(page).get_by_text("asks for patience").wait_for()


def test_a_finding_is_fixed_by_its_button_and_the_preview_follows_the_caret(tab, file):
    file.write_text(DISPATCH.replace("source:", "sorce:"), encoding="utf-8")
    page = tab()
    page.goto(TIDE)
    page.get_by_role("button", name="Use “source”").click()
    until(lambda: "source: Harbour" in file.read_text(encoding="utf-8"))
    page.get_by_role("heading", name="No problems found").wait_for()
    editor(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.press("ArrowUp")
    letter(page).locator("p[data-here]", has_text="asks for patience").wait_for()
    letter(page).get_by_role("heading", name="Two high waters").click()
    letter(page).locator("h2[data-here], h3[data-here]", has_text="Two high waters").wait_for()
    page.keyboard.press("End")
    page.keyboard.type(" morning")
    until(lambda: "## Two high waters on Tuesday morning\n" in file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("script", [True, False])
def test_an_editor_sees_the_message_as_a_reader_whose_address_is_in_no_url(tab, script):
    page, urls = tab(java_script_enabled=script), []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(TIDE)
    page.locator("#reader").fill("ana@example.com")
    page.keyboard.press("Enter")
    letter(page).get_by_text("High water is at noon").first.wait_for()
    assert any("/letter?" in each and "s=" in each for each in urls)
    assert not [each for each in urls if "@" in each or "%40" in each]


def test_the_file_is_taken_over_when_it_changes_and_nothing_was_typed(tab, file):
    page = tab()
    page.goto(TIDE)
    letter(page).get_by_text("asks for patience").wait_for()
    file.write_text(DISPATCH.replace("asks for patience", "asks for calm"), encoding="utf-8")
    letter(page).get_by_text("asks for calm").wait_for()
    page.get_by_text("Someone else changed this dispatch. This is the new version.").wait_for()
    assert "asks for calm" in editor(page).inner_text()


def test_two_who_write_at_once_lose_nothing(tab, file, site):
    mara, wim = tab("editor"), tab("writer")
    for page in (mara, wim):
        page.goto(TIDE)
        letter(page).get_by_text("asks for patience").wait_for()
    for page, words in ((mara, "Mara was here."), (wim, "Wim was here.")):
        editor(page).focus()
        page.keyboard.press("Control+End")
        page.keyboard.insert_text(words)
    until(lambda: wim.locator("#clash").is_visible() or mara.locator("#clash").is_visible())
    mine = wim if wim.locator("#clash").is_visible() else mara
    other = mara if mine is wim else wim
    words, others = ("Wim was here.", "Mara was here.") if mine is wim else ("Mara was here.", "Wim was here.")
    assert others in file.read_text(encoding="utf-8")
    mine.get_by_role("button", name="Keep mine").click()
    until(lambda: words in file.read_text(encoding="utf-8"))
    other.get_by_text("Someone else changed this dispatch. This is the new version.").wait_for()
    texts = [site.ledger.revisions.text("tide", each.id) for each in site.ledger.revisions.versions("tide")]
    assert any(others in text for text in texts)


def test_the_letter_is_looked_at_in_every_way(tab):
    page = tab()
    page.goto(TIDE)
    letter(page).get_by_text("asks for patience").wait_for()
    assert letter(page).get_by_text("High water is at noon").count() == 0
    page.locator("#reader").fill("ana@example.com")
    page.keyboard.press("Enter")
    letter(page).get_by_text("High water is at noon").wait_for()
    page.get_by_role("link", name="Dark").click()
    page.wait_for_selector("iframe.dark.shown")
    ground = (
        page.frame_locator("iframe.dark.shown")
        .locator("body")
        .evaluate("body => getComputedStyle(body).backgroundColor")
    )
    assert max(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")) < 80
    page.get_by_role("link", name="Desktop").click()
    page.wait_for_selector("iframe.desktop.shown")
    page.get_by_role("link", name="Plain text").click()
    page.wait_for_selector("iframe.text.shown")
    page.frame_locator("iframe.text.shown").get_by_text("High water is at noon").wait_for()
    page.locator("#reader").fill("nobody@example.com")
    page.keyboard.press("Enter")
    page.frame_locator("iframe.shown").get_by_text("is not on any list").wait_for()


DROP = """(input, data) => {
  const holder = new DataTransfer();
  holder.items.add(new File([Uint8Array.from(data)], "quay.jpg", { type: "image/jpeg" }));
  input.dispatchEvent(new DragEvent("drop", { dataTransfer: holder, bubbles: true, cancelable: true }));
}"""


def test_a_photo_is_dropped_above_the_note_and_another_one_into_the_text(tab, file):
    page = tab()
    page.goto(TIDE)
    editor(page)
    page.locator("#fields summary", has_text="Photo").click()
    page.locator(".drop-zone").evaluate(DROP, list(picture()))
    page.locator(".photo img").wait_for()
    page.get_by_label("What it shows").first.fill("A quay at dawn")
    until(lambda: "  alt: A quay at dawn\n  caption: taken at home\n" in file.read_text(encoding="utf-8"))
    image = letter(page).get_by_alt_text("A quay at dawn")
    image.wait_for()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1200
    after(page, "Dear")
    page.locator(".cm-content").evaluate(DROP, list(picture()))
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it shows").fill("A mole")
    dialog.get_by_role("button", name="Insert").click()
    until(lambda: "\n\n![A mole](photos/quay-" in file.read_text(encoding="utf-8"))
    dialog.wait_for(state="hidden")


def test_somebody_who_never_saw_markdown_writes_three_articles_by_fields_and_reorders_them(tab, file):
    page = tab()
    page.goto(TIDE)
    editor(page)
    assert page.locator(".cm-line", has_text="title:").count() == 0  # hidden: it is a field
    page.get_by_label("Title", exact=True).first.fill("Fog: no ferry")
    page.get_by_role("heading", level=1, name="Fog: no ferry").wait_for()
    for number, title in ((1, "Second"), (2, "Third")):
        page.get_by_role("button", name="Add an article").click()
        page.wait_for_selector(f"fieldset[data-number='{number}']")
        until(lambda: page.evaluate("document.activeElement.className").startswith("code-host"))
        page.keyboard.type(title)
        page.keyboard.press("Enter")  # from the title to the text
        page.keyboard.press("Shift+End")
        page.keyboard.type(f"Text of {title}.")
        page.locator(f"fieldset[data-number='{number}']").get_by_label("Source").fill("Wire: North")
    ends = "## Second\nsource: Wire: North\ndate: {0}\n\nText of Second.\n\n## Third\nsource: Wire: North\ndate: {0}\n\nText of Third.\n"
    until(lambda: file.read_text(encoding="utf-8").endswith(ends.format("2027-01-15")))
    text = file.read_text(encoding="utf-8")
    assert text.startswith('---\ntitle: "Fog: no ferry"\ndate: 2026-11-01\n')
    page.get_by_role("button", name="Move up article 3").click()
    until(lambda: file.read_text(encoding="utf-8").endswith("\n\nText of Second.\n"))
    until(lambda: page.evaluate("document.activeElement.value") == "up:1")
    page.get_by_role("button", name="Move up article 2").press("Enter")
    until(lambda: file.read_text(encoding="utf-8").index("## Third") < file.read_text(encoding="utf-8").index("## Two"))
    after(page, "Text of Third")
    page.keyboard.press("Alt+PageDown")
    until(lambda: file.read_text(encoding="utf-8").index("## Third") > file.read_text(encoding="utf-8").index("## Two"))
    page.keyboard.press("Backspace")  # what is hidden cannot be deleted by a key; the text can
    page.get_by_role("button", name="Source").click()
    page.locator(".cm-content").press("Control+End")  # only the lines near the window are in the page
    page.locator(".cm-line", has_text="source: Wire: North").first.wait_for()
    page.get_by_role("button", name="Source").click()
    page.locator(".cm-line", has_text="source: Wire: North").first.wait_for(state="detached")
    assert faults(page) == []


def test_fields_and_text_typed_at_once_are_both_saved_and_hidden_lines_are_protected(tab, file):
    page = tab()
    page.goto(TIDE)
    editor(page).focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Backspace")
    page.keyboard.type("All! ")
    page.get_by_label("Preheader").fill("At once")
    page.locator("fieldset.article").get_by_label("Place").fill("Porto")
    expected = DISPATCH.replace("Dear {{", "All! Dear {{").replace("---\n\nAll", "preheader: At once\n---\n\nAll")
    expected = expected.replace("Harbour Times\n", "Harbour Times\nplace: Porto\n")
    until(lambda: file.read_text(encoding="utf-8") == expected)
    file.write_text(expected.replace("At once", "From Git"), encoding="utf-8")
    until(lambda: page.get_by_label("Preheader").input_value() == "From Git")
    file.write_text(expected.replace("date: 2026-10-31", "date: today"), encoding="utf-8")
    page.locator("#findings a[data-line]").first.click()  # a line that is shown as a field
    until(lambda: page.evaluate("document.activeElement.name") == "a.0.date")


def test_a_slash_on_an_empty_line_offers_what_can_be_inserted(tab, file):
    page = tab()
    page.goto(TIDE)
    after(page, "The rest is")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.type("/sub")
    page.get_by_role("option", name="Subheading").click()
    page.keyboard.type("Tides")
    until(lambda: "\n### Tides\n" in file.read_text(encoding="utf-8"))
    page.keyboard.press("Home")
    page.get_by_role("button", name="Subheading").click()
    page.get_by_role("button", name="List").click()
    until(lambda: "\n- Tides\n" in file.read_text(encoding="utf-8"))


def test_words_are_made_bold_or_a_link_by_key_and_by_menu(tab, file):
    page = tab()
    page.goto(TIDE)
    editor(page).focus()
    page.keyboard.press("Control+End")
    page.keyboard.press("Control+b")
    page.keyboard.type("high")
    page.keyboard.press("Control+End")
    page.keyboard.type(" low")
    for _ in "low":
        page.keyboard.press("Shift+ArrowLeft")
    page.get_by_role("button", name="Link", exact=True).click()
    page.keyboard.type("example.org")
    until(lambda: "**high** [low](https://example.org)" in file.read_text(encoding="utf-8"))


def test_signed_out_in_another_tab_nothing_typed_is_lost(tab, file, site):
    page = tab()
    page.goto(TIDE)
    letter(page).get_by_text("asks for patience").wait_for()
    user = site.ledger.users.by_name("Mara Lindqvist")
    site.ledger.sessions.end(user.id, *(each.id for each in site.ledger.sessions.of(user.id)))
    page.on("dialog", lambda dialog: dialog.accept())
    editor(page).focus()
    page.keyboard.type("x")
    page.get_by_text("Not saved: you were signed out.").wait_for()
    assert "xDear" in editor(page).inner_text()
    assert file.read_text(encoding="utf-8") == DISPATCH


def test_on_a_phone_and_without_a_script_everything_can_be_done(tab, file):
    page = tab(java_script_enabled=False, **PHONE)
    page.goto("/desk/dispatches")
    page.get_by_role("link", name="The tide table").click()
    page.get_by_label("Text of the dispatch").fill(DISPATCH.replace("patience", "calm"))
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.", exact=True).wait_for()
    assert "calm" in file.read_text(encoding="utf-8")
    page.get_by_role("link", name="Preview").click()
    page.frame_locator("iframe").get_by_text("asks for calm").wait_for()
    page.go_back()
    page.get_by_role("link", name="Check").click()
    page.get_by_role("link", name="Back to the dispatch").click()
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Compare").first.click()
    page.get_by_role("button", name="Restore").click()
    page.get_by_text("Restored.").wait_for()
    assert file.read_text(encoding="utf-8") == DISPATCH


def webhook_with_a_log(site):
    """The page of one that was given up on."""
    ledger = site.ledger
    webhook = ledger.webhooks.add("https://example.org/hooks/" + "letter" * 20, EVENTS, key_name=site.app.keys.names[0])
    ledger.suppressions.unsubscribe("ana@example.com", source="page")
    message = ledger.outbox.log(webhook.id)[0]
    attempt = WebhookAttempt(at=site.clock(), seconds=0.2, status=500, error="", answer="<html>" * 60)
    noting = ledger.outbox.record_attempt(message.id, attempt, WebhookState.GIVEN_UP)
    with ThreadPoolExecutor(1) as pool:  # playwright has this thread's loop
        pool.submit(asyncio.run, noting).result()
    ledger.webhooks.pause(webhook.id, because="the receiver answered 410, “gone”")
    return f"/desk/settings/webhooks/{webhook.id}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone_or_has_a_fault_that_axe_finds(tab, site, file, scheme):
    file.with_name("broken.md").write_text(DISPATCH.replace("source:", "sorce:"), encoding="utf-8")
    site.ledger.audit.record("Ada", "dispatch.save", "x" * 80, address="192.0.2.1")
    site.ledger.revisions.save("tide", "Earlier\n", digest="0", actor="Mara")
    number = site.ledger.revisions.versions("tide")[0].id
    signed_in(site, "writer", name="A Very Long Name Of Somebody Who Writes")
    page = tab("admin", color_scheme=scheme, **PHONE)
    paths = [
        "/desk/",
        "/desk/dispatches",
        TIDE,
        "/desk/dispatches/broken",
        f"{TIDE}/findings",
        f"{TIDE}/preview",
        f"{TIDE}/photos",
        f"{TIDE}/test",
        f"{TIDE}/send",
        "/desk/dispatches/broken/send",
        f"{TIDE}/send/last?chosen=1&list=readers",
        "/desk/sends",
        f"{TIDE}/history",
        f"{TIDE}/history/{number}",
        "/desk/dispatches:paste",
        "/desk/settings",
        "/desk/settings/newsletter",
        "/desk/settings/two-factor",
        "/desk/settings/people",
        "/desk/settings/audit",
        "/desk/settings/webhooks",
        "/desk/settings/tokens",
        webhook_with_a_log(site),
    ]
    for path in paths:
        page.goto(path)
        if path in {TIDE, "/desk/dispatches/broken"}:
            page.wait_for_selector("iframe.shown", state="attached")  # on a phone behind its tab
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path
        assert faults(page) == [], path
    nobody = tab(None, color_scheme=scheme, **PHONE)
    nobody.goto("/desk/sign-in")
    assert faults(nobody) == []


def menu(page, title):
    page.locator("details.drop", has_text=title).locator("summary").first.click()


def after(page, line):
    """Puts the caret at the end of the line that begins with `line`."""
    editor(page)
    page.locator(".cm-line", has_text=line).first.click()
    page.keyboard.press("End")


def test_a_link_to_another_dispatch_is_chosen_by_its_title_within_the_sentence(tab, file):
    (file.parent / "2026-03-02-crane.md").write_text(DISPATCH.replace("The tide table", "The crane"), encoding="utf-8")
    page = tab()
    with page.expect_response("**/references"):
        page.goto(TIDE)
    after(page, "Dear")
    page.keyboard.type(" See ")
    menu(page, "Insert")
    page.get_by_role("button", name="Link to an earlier dispatch").click()
    page.locator(".cm-tooltip-autocomplete").get_by_role("option", name="The crane").click()
    page.keyboard.type(".")
    until(lambda: " See [[2026-03-02-crane]].\n" in file.read_text(encoding="utf-8"))
    page.keyboard.type(" And [[cra")
    page.locator(".cm-tooltip-autocomplete").get_by_role("option", name="The crane").wait_for()
    assert page.locator(".cm-tooltip-autocomplete").get_by_role("option").count() == 1


def test_a_field_of_the_readers_is_chosen_within_the_sentence(tab, file):
    page = tab()
    with page.expect_response("**/references"):
        page.goto(TIDE)
    after(page, "Dear")
    page.keyboard.type(" In ")
    menu(page, "Insert")
    page.get_by_role("button", name="A reader’s field").click()
    page.get_by_role("option", name="city").click()
    page.keyboard.type("your town")
    until(lambda: ' In {{ reader.city or "your town" }}\n' in file.read_text(encoding="utf-8"))
    page.keyboard.press("End")
    page.keyboard.type(" and {{ ci")
    page.get_by_role("option", name="city").wait_for()


def test_an_article_is_inserted_with_blank_lines_around_it_and_only_its_sample_text_is_an_error(tab, file):
    page = tab()
    page.goto(TIDE)
    source(page)
    after(page, "asks for")
    menu(page, "Insert")
    page.get_by_role("button", name="Article", exact=True).click()
    until(lambda: "\n\n## The title of an article\nsource: " in file.read_text(encoding="utf-8"))
    page.get_by_text("“https://example.org/the-article” is sample text").wait_for()
    sentences = page.locator("#findings li").all_inner_texts()
    assert all("sample text" in each for each in sentences if "error:" in each)


def test_the_menu_of_the_editor_fits_on_a_phone_where_text_and_preview_take_turns(tab):
    page = tab(**PHONE)
    page.goto(TIDE)
    editor(page)
    menu(page, "Insert")
    page.locator("details.drop[open] .menu").wait_for()
    box = page.locator("details.drop[open] .menu").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.locator("#tabs").get_by_role("button", name="Preview").click()
    letter(page).get_by_text("asks for patience").wait_for()
    assert not page.locator("#toolbar").is_visible()


def test_with_errors_the_editor_says_from_when_the_preview_is_above_it_too(tab, file):
    page = tab()
    page.goto(TIDE)
    letter(page).get_by_text("asks for patience").wait_for()
    file.write_text(DISPATCH.replace("source:", "sorce:").replace("asks for", "TODO asks for"), encoding="utf-8")
    page.locator("#outdated", has_text="The preview shows the text as it was ").wait_for()
    page.locator("#findings", has_text="“TODO” is a placeholder").wait_for()  # listed with the errors
    file.write_text(DISPATCH, encoding="utf-8")
    page.locator("#outdated").wait_for(state="hidden")


def test_what_was_wrong_with_a_choice_disappears_when_the_choice_is_changed(tab):
    page = tab()
    page.goto(f"{TIDE}/send/last?chosen=1")
    alert = page.get_by_role("alert").get_by_text("Choose a list first.")
    alert.wait_for()
    page.get_by_role("checkbox", name="readers").first.check()
    alert.wait_for(state="detached")


def test_plain_text_is_shown_without_breaking_its_lines_of_72_characters(tab):
    page = tab(viewport={"width": 1280, "height": 860})
    page.goto(TIDE)
    letter(page).get_by_text("asks for patience").wait_for()
    page.get_by_role("link", name="Plain text").click()
    page.locator("iframe.text.shown").wait_for()
    pre = page.frame_locator("iframe.text.shown").locator("pre")
    pre.evaluate("pre => { pre.textContent = 'x'.repeat(72); }")
    one = pre.evaluate("pre => pre.getBoundingClientRect().height")
    pre.evaluate("pre => { pre.textContent = 'x'; }")
    assert pre.evaluate("pre => pre.getBoundingClientRect().height") == one
