"""The page of an edition, its corrections, and the feeds."""

import re
from pathlib import Path

import html5lib
import pytest
from lxml import etree

from mailer.app import App
from mailer.delivery.states import SendKind
from mailer.ledger.types.editions_and_archive import NewEdition
from mailer.link_tokens import PLACEHOLDER
from mailer.service.archive.feed import read_feed
from mailer.service.archive.pages import Archive
from mailer.service.dispatches.check_and_compile import edition_record
from mailer.web.public import archive as module
from tests.support.editions import edition
from tests.support.site import PHOTO, site_in, visiting

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = etree.RelaxNG(etree.parse(Path(__file__).parents[3] / "data" / "atom.rng"))
DAY = 86_400


def tree(text):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def head(text):
    """Returns the metadata of a page: its metas by `name` or `property`, its links by `rel`."""
    page = tree(text)
    metas = {each.get("name") or each.get("property"): each.get("content") for each in page.iter("meta")}
    return metas | {each.get("rel"): each.get("href") for each in page.iter("link") if each.get("rel") != "alternate"}


def test_the_metadata_of_a_page_describe_it_for_link_previews(site, visitor):
    site.begin(site.send(site.letter("The board has voted, after eleven years of waiting, to open the east quay.")))
    said = head(visitor.get("/archive/a-letter").text)
    assert said["canonical"] == said["og:url"] == "https://letter.example.org/archive/a-letter"
    assert said["og:title"] == "A letter"
    assert said["og:site_name"] == "The Harbour Letter"
    assert said["description"] == said["og:description"] == "An article"
    assert said["og:image"] == f"https://letter.example.org/media/{PHOTO.name}"
    assert said["og:image:alt"] == "Two ferries"
    assert said["twitter:card"] == "summary_large_image"
    assert said["article:published_time"] == "2027-01-15T08:00:00+00:00"
    assert "robots" not in said


def test_the_page_of_an_issue_does_not_link_to_itself(site, visitor):
    site.begin(site.send(site.letter()))
    page = visitor.get("/archive/a-letter").text
    assert "Read in your browser" not in page
    body = tree(page).find("body")
    assert [each for each in body.iter("a") if each.get("href", "").endswith("/archive/a-letter")] == []
    assert "2026 ·" not in " ".join("".join(body.itertext()).split())


def test_only_the_styles_of_the_edition_are_allowed(site, visitor):
    site.begin(site.send())
    answer = visitor.get("/archive/a-letter")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert re.search(r"style-src 'self' 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert "img-src 'self';" in policy
    assert not any("style" in each.attrib for each in tree(answer.text).iter())


def test_an_issue_links_to_the_previous_and_the_next_one(site, visitor):
    for slug in ("one", "two", "three"):
        site.begin(site.send(site.named(slug, title=slug.title())))
        site.clock.forward(DAY)
    links = {slug: head(visitor.get(f"/archive/{slug}").text) for slug in ("one", "two", "three")}
    assert [(each.get("prev"), each.get("next")) for each in links.values()] == [
        (None, "/archive/two"),
        ("/archive/one", "/archive/three"),
        ("/archive/two", None),
    ]


def test_previous_and_next_are_issues_in_the_same_language(site, visitor):
    for slug, language in (("one", "en"), ("zwei", "de"), ("three", "en-GB")):
        site.begin(site.send(site.named(slug, title=slug.title(), language=language)))
        site.clock.forward(DAY)
    links = {slug: head(visitor.get(f"/archive/{slug}").text) for slug in ("one", "zwei", "three")}
    assert [(each.get("prev"), each.get("next")) for each in links.values()] == [
        (None, "/archive/three"),
        (None, None),
        ("/archive/one", None),
    ]


def test_a_welcome_is_neither_in_the_list_nor_in_the_feeds_nor_next(site, visitor):
    site.begin(site.send(site.named("one", title="One")))
    site.begin(site.send(site.named("both", title="Both")))
    site.clock.forward(DAY)
    for slug in ("both", "welcome"):
        site.begin(site.send(site.named(slug, title=slug.title()), kind=SendKind.WELCOME))
    listed = re.findall(r'<a href="/archive/(\w+)">', visitor.get("/archive/").text)
    assert listed == ["both", "one"]
    assert [each.title for each in read_feed(site.app, Archive(site.app)).entries] == ["Both", "One"]
    assert {entry.published.day for entry in read_feed(site.app, Archive(site.app)).entries} == {15}
    assert "/archive/welcome" not in visitor.get("/archive/both").text
    page = visitor.get("/archive/welcome")  # “Read in your browser” of the message
    assert page.status_code == 200
    assert head(page.text)["robots"] == "noindex, nofollow"
    assert not {"prev", "next"} & head(page.text).keys()


def test_the_list_has_the_date_of_the_dispatch(site, visitor):
    site.begin(site.send())
    assert f'<time datetime="{site.letter().date.isoformat()}">' in visitor.get("/archive/").text
    assert site.letter().date.isoformat() != "2027-01-15"  # when it was sent


def test_a_page_in_the_browser_does_not_offer_to_read_it_there(site, visitor):
    site.begin(site.send())
    page = visitor.get("/archive/a-letter").text
    assert "Read in your browser" not in page
    assert "Harbour Times" in page


@pytest.mark.parametrize("body", ["Welcome!\n\nEvery other Monday.", "Welcome!"])
def test_without_a_preheader_the_first_paragraph_describes_a_page(site, visitor, body):
    text = edition(body, publication=site.publication())
    site.begin(site.send(text))
    assert head(visitor.get(f"/archive/{text.slug}").text)["description"] == "Welcome!"


def test_an_issue_that_was_not_sent_is_not_found(site, visitor):
    answer = visitor.get("/archive/to-come")
    assert answer.status_code == 404
    assert "This issue is not in the archive" in answer.text
    assert 'href="/archive/"' in answer.text


def test_a_correction_is_shown_with_its_date_and_the_sent_version_stays(site, visitor):
    sent = site.letter("The vote was 8 to 3.")
    site.begin(site.send(sent))
    site.correct(site.letter("The vote was 9 to 2, of course."), "The vote was <9> to 2.")
    text = visitor.get("/archive/a-letter").text
    assert "The vote was 9 to 2, of course." in text
    assert "8 to 3" not in text
    assert "Corrected on \u206816 January 2027\u2069:" in text
    assert "The vote was &lt;9&gt; to 2." in text
    assert "corrected on \u206816 January 2027\u2069" in visitor.get("/archive/").text
    assert head(text)["article:modified_time"] == "2027-01-16T08:00:00+00:00"
    original = f"/archive/a-letter/{sent.digest[:16]}"
    assert f'href="{original}"' in text
    answer = visitor.get(original)
    assert "8 to 3" in answer.text
    assert "This is the version that was sent on" in answer.text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert head(answer.text)["canonical"] == "https://letter.example.org/archive/a-letter"
    assert site.ledger.sends.get(1).digest == sent.digest


def test_all_corrections_are_listed_newest_first(site, visitor):
    site.begin(site.send(site.letter("One.")))
    site.correct(site.letter("Two."), "First note.")
    site.correct(site.letter("Three."), "Second note.")
    text = visitor.get("/archive/a-letter").text
    assert "Three." in text
    assert text.index("Second note.") < text.index("First note.")


def test_only_editions_that_were_sent_have_an_address(site, visitor):
    site.begin(site.send(site.letter("One.")))
    shown = site.correct(site.letter("Two."))
    for digest in (shown.digest[:16], shown.sent[0], shown.sent[0][:8], "0" * 16, "x"):
        assert visitor.get(f"/archive/a-letter/{digest}").status_code == 404
    assert visitor.get(f"/archive/other/{shown.sent[0][:16]}").status_code == 404


def test_the_archive_shows_an_edition_that_was_sent_after_a_correction(site, visitor):
    site.begin(site.send(site.letter("One.")))
    site.correct(site.letter("Two."), "A note.")
    site.clock.forward(DAY)
    site.begin(site.send(site.letter("Three.")))
    text = visitor.get("/archive/a-letter").text
    assert "Three." in text
    assert "A note." in text


def test_an_edition_sent_after_its_correction_keeps_the_date_of_the_correction(site):
    site.begin(site.send(site.letter("One.")))
    shown = site.correct(site.letter("Two."))
    site.clock.forward(DAY)
    site.begin(site.send(site.letter("Two.")))
    again = site.ledger.editions.archived("a-letter")
    assert (again.digest, again.changed_at) == (shown.digest, shown.changed_at)
    assert again.sent == (site.letter("One.").digest, site.letter("Two.").digest)


def test_a_dispatch_that_was_never_sent_cannot_be_corrected(site):
    assert site.ledger.editions.correct(edition_record(site.letter()), "A note.") is None
    site.send()
    assert site.ledger.editions.correct(edition_record(site.letter("Other.")), "A note.") is None


def entries(text):
    return etree.fromstring(text.encode()).findall(f"{ATOM}entry")


ANOTHER = "\n\n## Another article\nsource: Harbour Times\ndate: 2026-11-01\n\nText."


def test_the_feeds_contain_full_issues_with_absolute_links(site, visitor):
    site.begin(
        site.send(
            site.letter(f"Dear {{{{ reader.first_name or 'reader' }}}}. [Here](https://example.com/?a=1&b=2).{ANOTHER}")
        )
    )
    answer = visitor.get("/feed.xml")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    SCHEMA.assertValid(etree.fromstring(answer.content))
    (entry,) = entries(answer.text)
    content = entry.findtext(f"{ATOM}content")
    assert "Dear reader." in content
    assert "https://example.com/?a=1&amp;b=2" in content
    assert f"https://letter.example.org/media/{PHOTO.name}" in content
    assert "https://letter.example.org/archive/a-letter#an-article" in content
    assert all(each.startswith(("https://", "mailto:?")) for each in re.findall(r'(?:href|src)="([^"]*)"', content))
    assert PLACEHOLDER not in content
    for looks in ("style=", "class=", "<!--", "<style", "preheader"):
        assert looks not in content
    html5lib.HTMLParser(strict=True).parseFragment(content)
    feed = visitor.get("/feed.json").json()
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    (item,) = feed["items"]
    assert item["content_html"] == content
    assert item["id"] == entry.findtext(f"{ATOM}id")
    assert item["url"] == "https://letter.example.org/archive/a-letter"
    assert item["image"].endswith(PHOTO.name)


@pytest.mark.parametrize("path", ["/feed.xml", "/feed.json"])
def test_a_feed_is_made_once_for_each_state_of_the_archive(site, visitor, monkeypatch, path):
    made = []
    monkeypatch.setattr(module, "read_feed", lambda *given: made.append(path) or read_feed(*given))
    site.begin(site.send(site.named("one")))
    before = [visitor.get(path).text for _ in range(3)]
    assert (len(set(before)), len(made)) == (1, 1)
    site.begin(site.send(site.named("two")))
    assert visitor.get(path).text != before[0]
    assert len(made) == 2


def test_an_empty_feed_is_valid(visitor):
    SCHEMA.assertValid(etree.fromstring(visitor.get("/feed.xml").content))
    assert visitor.get("/feed.json").json()["items"] == []


def test_an_entry_id_survives_corrections_repeated_sends_and_a_new_url(site):
    site.begin(site.send(site.letter("One.")))
    with visiting(site) as visitor:
        (before,) = entries(visitor.get("/feed.xml").text)
    site.correct(site.letter("Two."), "A <note>.")
    site.begin(site.send(site.letter("Two.")))
    site.app.close()
    moved = site.app.settings.model_copy(update={"base_url": "https://new.example.org/news"})
    site.app = App(site.app.workspace, moved, site.clock)
    with site.app, visiting(site) as visitor:
        text = visitor.get("/feed.xml").text
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    (after,) = entries(text)
    for name in ("id", "published"):
        assert before.findtext(f"{ATOM}{name}") == after.findtext(f"{ATOM}{name}")
    assert after.findtext(f"{ATOM}id") == "tag:example.org,2027-01-15:archive/a-letter"
    assert after.findtext(f"{ATOM}updated") == "2027-01-16T08:00:00Z"
    assert "A &lt;note&gt;." in after.findtext(f"{ATOM}content")
    assert after.find(f"{ATOM}link").get("href") == "https://new.example.org/news/archive/a-letter"


def test_the_feed_has_the_newest_twenty_issues(site, visitor):
    for number in range(22):
        site.begin(site.send(site.named(f"n-{number}")))
        site.clock.forward(60)
    ids = [each.findtext(f"{ATOM}id").rpartition("/")[2] for each in entries(visitor.get("/feed.xml").text)]
    assert ids == [f"n-{number}" for number in range(21, 1, -1)]


@pytest.mark.parametrize("path", ["/feed.xml", "/feed.json"])
def test_an_unchanged_feed_is_not_sent_twice(site, visitor, path):
    site.begin(site.send())
    first = visitor.get(path)
    assert first.headers["last-modified"] == "Fri, 15 Jan 2027 08:00:00 GMT"
    for headers in (
        {"If-None-Match": first.headers["etag"]},
        {"If-Modified-Since": first.headers["last-modified"]},
        {"If-None-Match": first.headers["etag"], "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ):
        assert visitor.get(path, headers=headers).status_code == 304
    for headers in (
        {"If-None-Match": '"other"', "If-Modified-Since": first.headers["last-modified"]},
        {"If-Modified-Since": "Thu, 14 Jan 2027 08:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
        {"If-Modified-Since": "Fri, 15 Jan 2027 08:00:00"},
        {"If-Modified-Since": "Fri, 99 Jan 99999 08:00:00 GMT"},
        {"If-Modified-Since": f"Fri, 15 Jan {10**20} 08:00:00 GMT"},
        {"If-Modified-Since": f"Fri, 15 Jan 2027 08:00:00 +{10**20}"},
    ):
        assert visitor.get(path, headers=headers).status_code == 200
    site.correct(site.letter("Two."))
    assert visitor.get(path, headers={"If-Modified-Since": first.headers["last-modified"]}).status_code == 200


def test_titles_are_escaped_in_feeds(site, visitor):
    letter = site.letter()
    new = edition_record(letter)
    hostile = NewEdition(**{**{name: getattr(new, name) for name in NewEdition.__slots__}, "title": "<b>&]]> „Tide“"})
    site.begin(site.send(letter))
    site.correct(letter)
    site.clock.forward(1)
    assert site.ledger.editions.correct(hostile, "x")
    text = visitor.get("/feed.xml").text
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    assert "<b>" not in text


def test_search_engines_are_excluded_by_the_setting(tmp_path):
    with site_in(tmp_path, search_engines=False) as site, visiting(site) as visitor:
        site.begin(site.send())
        for path in ("/", "/archive/", "/archive/a-letter", "/feed.xml", "/no", f"/media/{PHOTO.name}"):
            assert visitor.get(path).headers["x-robots-tag"] == "noindex, nofollow"
        for path in ("/", "/archive/", "/archive/a-letter"):
            assert head(visitor.get(path).text)["robots"] == "noindex, nofollow"
        assert visitor.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


def test_search_engines_are_allowed_by_default(site, visitor):
    site.begin(site.send())
    for path in ("/", "/archive/", "/archive/a-letter", "/feed.xml"):
        answer = visitor.get(path)
        assert "x-robots-tag" not in answer.headers
        assert "noindex" not in answer.text


@pytest.mark.parametrize(
    ("base_url", "header"), [("https://letter.example.org", "max-age=31536000"), ("http://127.0.0.1:8000", None)]
)
def test_a_site_over_https_stays_there(tmp_path, base_url, header):
    with site_in(tmp_path, base_url=base_url) as site, visiting(site) as visitor:
        for path in ("/", "/archive/", "/no", "/desk/sign-in", "/api/v1/sends"):
            assert visitor.get(path).headers.get("strict-transport-security") == header


def test_links_to_other_dispatches_lead_to_this_site(tmp_path):
    with site_in(tmp_path, base_url="https://new.example.org") as site, visiting(site) as visitor:
        old = "https://letter.example.org"
        site.begin(site.send(site.named("one")))
        letter = site.letter(f"[One]({old}/archive/one), [none]({old}/archive/none).", base_url=old)
        site.begin(site.send(letter))
        text = visitor.get("/archive/a-letter").text
        assert 'href="/archive/one"' in text
        assert f'href="{old}/archive/none"' in text


def test_a_page_in_another_language_leads_to_pages_in_that_language(site, visitor):
    site.begin(site.send(site.letter("Lieber Leser.", language="de")))
    page = visitor.get("/archive/a-letter")
    found = re.findall(r'href="(/[^"]*[?]lang=de)"', page.text)
    assert {"/preferences?lang=de", "/archive/?lang=de", "/?lang=de"} <= {*found}
    for path in found:
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["content-language"]) == (200, "de"), path
    assert "Link zu Ihren Einstellungen" in visitor.post("/preferences?lang=de").text
    assert visitor.get("/preferences?lang=xx").headers["content-language"] == "en"
