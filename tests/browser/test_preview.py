"""The preview in Chromium, as an editor has it open beside the text: live, at each width, in both schemes, by keyboard."""

from itertools import cycle

import pytest

from mailer.service.dispatches.preview import DEVICES, ColorScheme, force_color_scheme
from tests.support.chromium import violations
from tests.support.corpus import NAMES, corpus
from tests.support.editions import html_of
from tests.support.patience import until
from tests.support.preview import make_newsroom, served_preview
from tests.support.workspaces import DISPATCH

pytestmark = pytest.mark.chromium
SEEN = "#glass iframe:not(.is-coming)"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dispatches" / "tide.md"


@pytest.fixture
def page(browser, tmp_path):
    """The page, checked; nothing may be complained of in its console."""
    from playwright.sync_api import expect

    complaints = []
    with served_preview(make_newsroom(tmp_path)) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        expect(page.locator("#status")).to_have_text("· checked")
        yield page
        page.close()
    assert [each for each in complaints if "ERR_" not in each] == []


def says(page, words):
    from playwright.sync_api import expect

    expect(page.frame_locator(SEEN).locator("body")).to_contain_text(words)


def does_not_say(page, words):
    from playwright.sync_api import expect

    expect(page.frame_locator(SEEN).locator("body")).not_to_contain_text(words)


def choose(page, words):
    page.get_by_label(words, exact=True).check(force=True)


def background(page):
    return page.frame_locator(SEEN).locator("body").evaluate("body => getComputedStyle(body).backgroundColor")


def brightness(colour):
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(", ")))


def test_a_save_is_seen_without_a_reload_at_the_place_where_one_reads(page, path):
    from playwright.sync_api import expect

    long = DISPATCH + "\n\n".join(f"Paragraph {number}." for number in range(80))
    path.write_text(long)
    says(page, "Paragraph 79.")
    expect(page.locator("#lines")).to_contain_text("Paragraph 79.")
    expect(page.locator("#status")).to_have_text("· checked")  # the letter that replaced the first is there
    until(lambda: page.frame_locator(SEEN).locator("body").evaluate("() => (scrollTo(0, 900), scrollY)") == 900)
    page.evaluate("() => { window.stays = true; }")
    path.write_text(long.replace("patience", "forbearance"))
    says(page, "forbearance")
    assert page.evaluate("() => window.stays")
    until(lambda: page.frame_locator(SEEN).locator("body").evaluate("() => scrollY") == 900)


def test_findings_stand_under_their_lines_and_the_letter_stays_meanwhile(page, path):
    from playwright.sync_api import expect

    path.write_text(DISPATCH.replace("source:", "sorce:"))
    expect(page.locator("#found")).to_have_text("2 errors")
    line = DISPATCH[: DISPATCH.index("source:")].count("\n") + 1
    row = page.locator(f"#line-{line}")
    expect(row).to_contain_text("unknown line “sorce” in an article; did you mean “source”?")
    expect(row).to_have_class("error")
    expect(page.locator("#alarm")).to_have_text(
        "The dispatch has errors. The preview shows an earlier version until they are fixed."
    )
    says(page, "patience")
    page.locator("#list a", has_text=str(line)).click()
    expect(row).to_be_in_viewport()
    path.write_text(DISPATCH)
    expect(page.locator("#alarm")).to_be_hidden()


def is_in_the_middle(page, width):
    """Whether the letter is laid out at this width, and shown whole; False while one letter replaces another."""
    box, room = page.locator(SEEN).bounding_box(), page.locator("#glass").bounding_box()
    return (
        box is not None
        and page.frame_locator(SEEN).locator("body").evaluate("() => innerWidth") == width
        and box["width"] <= room["width"] + 1
        and abs(box["x"] + box["width"] / 2 - room["x"] - room["width"] / 2) < 2
    )


def test_the_letter_is_shown_at_the_width_of_each_device(page):
    for device, width in DEVICES.items():
        choose(page, device.capitalize())
        until(lambda width=width: is_in_the_middle(page, width))


@pytest.mark.parametrize("own", ["light", "dark"])
def test_the_letter_is_light_or_dark_whatever_the_browser_is(page, own):
    from playwright.sync_api import expect

    page.emulate_media(color_scheme=own)
    expect(page.frame_locator(SEEN).locator("body")).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    light = background(page)
    choose(page, "Dark")
    expect(page.frame_locator(SEEN).locator("body")).not_to_have_css("background-color", light)
    assert brightness(light) > 600
    assert brightness(background(page)) < 120


def test_a_reader_is_chosen_typed_and_left_again(page):
    from playwright.sync_api import expect

    page.locator("#reader summary").click()
    page.get_by_label("Reader on your lists").fill("ana@example.com")
    page.keyboard.press("Tab")
    says(page, "Dear Ana,")
    says(page, "High water is at noon")
    page.get_by_label("reader.city").fill("Elsewhere")
    does_not_say(page, "High water is at noon")
    expect(page.locator("#subject")).to_have_text("The tide table, for Ana")
    page.get_by_role("button", name="No one in particular").click()
    says(page, "Dear reader,")
    page.locator("#reader summary").click()
    page.get_by_label("Reader on your lists").fill("nobody@example.com")
    page.keyboard.press("Tab")
    expect(page.locator("#reader-fault")).to_contain_text("nobody@example.com is not on any list.")
    page.keyboard.press("Escape")
    expect(page.locator("#reader-fault")).to_be_hidden()


def test_text_and_source_are_shown_and_a_reload_shows_the_same(page, path):
    from playwright.sync_api import expect

    choose(page, "Plain text")
    expect(page.locator("#words")).to_contain_text("Two high waters on Tuesday")
    choose(page, "HTML source")
    expect(page.locator("#words")).to_contain_text("<!DOCTYPE html>")
    page.reload()
    expect(page.locator("#words")).to_contain_text("<!DOCTYPE html>")
    path.write_text(DISPATCH.replace("patience", "forbearance"))
    expect(page.locator("#words")).to_contain_text("forbearance")
    choose(page, "Message")
    says(page, "forbearance")


def test_without_images_their_words_are_seen(page, path):
    from PIL import Image
    from playwright.sync_api import expect

    Image.new("RGB", (40, 30), "navy").save(path.parent / "quay.png")
    photo = "photo: {file: quay.png, alt: The quay at dawn, credit: Mara}\n"
    path.write_text(DISPATCH.replace("date: 2026-11-01\n", f"date: 2026-11-01\n{photo}", 1))
    image = page.frame_locator(SEEN).get_by_alt_text("The quay at dawn")
    expect(image).to_have_js_property("naturalWidth", 40)
    choose(page, "No images")
    expect(image).to_have_js_property("naturalWidth", 0)


def test_a_letter_runs_nothing_and_its_links_open_elsewhere(page, path):
    path.write_text(
        DISPATCH.replace("asks for patience", "asks <script>parent.caught = 1</script> for [more](https://x.example/)")
    )
    says(page, "<script>parent.caught")
    assert page.evaluate("() => window.caught") is None
    link = page.frame_locator(SEEN).get_by_role("link", name="more")
    assert link.get_attribute("target") == "_blank"
    assert page.locator(SEEN).get_attribute("sandbox").split() == [
        "allow-same-origin", "allow-popups", "allow-popups-to-escape-sandbox",
    ]  # fmt: skip


def test_it_fits_a_phone_and_can_be_used_there(page, path):
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 375, "height": 740})
    path.write_text(DISPATCH.replace("patience", "x" * 400 + " TODO"))
    for view in ("Dispatch", "Message", "Plain text", "HTML source"):
        choose(page, view)
        assert page.evaluate("() => document.documentElement.scrollWidth") == 375, view
    choose(page, "Dispatch")
    expect(page.locator("#lines")).to_contain_text("TODO")
    expect(page.locator("#letter")).to_be_hidden()
    page.locator("#reader summary").click()
    assert page.evaluate("() => document.documentElement.scrollWidth") == 375


def test_every_control_is_reached_by_keyboard(page):
    from playwright.sync_api import expect

    page.locator("input[name=view]:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#words")).to_contain_text("Two high waters")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.locator("input[name=width]:checked").get_attribute("value") == "768"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.locator("input[name=images]").is_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reader on your lists")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_nothing(page, path, scheme, width):
    from playwright.sync_api import expect

    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 860})
    path.write_text(DISPATCH.replace("patience", "patience. TODO").replace("[on our page]", "[here]"))
    expect(page.locator("#found")).to_contain_text("warning")
    for view in ("Message", "Plain text", *(("Dispatch",) if width == 375 else ())):
        choose(page, view)
        assert violations(page, iframes=False) == [], view


@pytest.mark.parametrize(("name", "scheme"), list(zip(NAMES[::2], cycle(ColorScheme), strict=False)))
def test_the_letter_that_is_seen_at_once_looks_like_the_one_that_is_mailed(sheet, name, scheme):
    """Box by box, at the width of each device."""
    measure = """() => [...document.body.querySelectorAll('*')].map(element => {
      const {x, y, width, height} = element.getBoundingClientRect(), style = getComputedStyle(element);
      return [element.tagName, ...[x, y, width, height].map(Math.round), style.color, style.backgroundColor, style.fontFamily];
    }).filter(box => !['TBODY'].includes(box[0]))"""
    boxes = []
    for inlined in (False, True):
        html = force_color_scheme(html_of(corpus(name, inlined=inlined)), scheme)
        sheet.goto("about:blank")
        sheet.set_content(html)
        found = []
        for width in DEVICES.values():
            sheet.set_viewport_size({"width": width, "height": 900})
            found.append(sheet.evaluate(measure))
        boxes.append(found)
    assert boxes[0] == boxes[1]
