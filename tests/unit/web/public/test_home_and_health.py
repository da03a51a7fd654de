"""The front page, the archive, and the headers of every answer."""

import json
import re
import shutil

import html5lib
import pytest

from mailer.delivery.states import SendKind
from mailer.edition.template_loader import builtin_dir
from mailer.i18n.translations import LANGUAGES
from mailer.ledger.store.restore_detection import RollbackGuard
from mailer.ledger.types.errors import LedgerError
from mailer.link_tokens import PLACEHOLDER
from mailer.web.public import home_and_health as site_pages
from tests.support.site import ANA, PHOTO, site_in, visiting

ROUTES = ("/", "/archive", "/archive/", "/archive/a-letter", "/style.css", "/healthz", "/robots.txt", "/favicon.ico")


def parsed(text):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def test_an_edition_is_public_once_its_send_has_begun(site, visitor):
    send = site.send()
    assert visitor.get("/archive/a-letter").status_code == 404
    assert "A letter" not in visitor.get("/archive/").text
    site.begin(send)
    assert visitor.get("/archive/a-letter").status_code == 200
    assert 'href="/archive/a-letter"' in visitor.get("/archive/").text


def test_a_test_message_is_not_in_the_archive(site, visitor):
    site.begin(site.send(kind=SendKind.TEST))
    assert visitor.get("/archive/a-letter").status_code == 404
    assert "No issue has been sent yet." in visitor.get("/archive/").text


def test_the_archive_shows_the_newest_edition_of_a_slug(site, visitor):
    site.begin(site.send(site.letter("The first words.")))
    site.clock.forward(60)
    second = site.send(site.letter("The second words."))
    assert "The first words." in visitor.get("/archive/a-letter").text
    site.begin(second)
    text = visitor.get("/archive/a-letter").text
    assert "The second words." in text
    assert "The first words." not in text
    assert visitor.get("/archive/").text.count("/archive/a-letter") == 1


def test_an_edition_in_the_archive_is_anonymous(site, visitor):
    letter = site.letter("Dear {{ reader.first_name or 'reader' }}, {{ reader.city }}.")
    site.begin(site.send(letter))
    text = visitor.get("/archive/a-letter").text
    assert "Dear reader, ." in text
    assert "/u/" not in text and "take a break" not in text
    assert "{{" not in text
    assert ANA.lower() not in text.lower()


@pytest.mark.parametrize("images", ["link", "embed"])
def test_its_images_come_from_this_site_even_if_it_was_made_for_another(site, visitor, images):
    site.begin(site.send(site.letter(images=images, base_url="https://old.example.org")))
    text = visitor.get("/archive/a-letter").text
    sources = re.findall(r'<img[^>]* src="([^"]*)"', text)
    assert sources == [f"/media/{PHOTO.name}"]
    assert "cid:" not in text
    assert visitor.get(sources[0]).content == PHOTO.data


def test_an_edition_is_in_its_own_language(site, visitor):
    site.begin(site.send(site.letter("שלום.", language="he")))
    answer = visitor.get("/archive/a-letter")
    assert answer.headers["content-language"] == "he"
    assert 'lang="he" dir="rtl"' in visitor.get("/archive/").text


def test_an_unchanged_edition_is_not_sent_twice(site, visitor):
    site.begin(site.send())
    first = visitor.get("/archive/a-letter")
    again = visitor.get("/archive/a-letter", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


@pytest.mark.parametrize("slug", ["nothing", "..", "a-letter%00", "A-LETTER", "x" * 3000, "%3Cscript%3E", "a-letter/x"])
def test_unknown_slugs_are_not_found(site, visitor, slug):
    site.begin(site.send())
    answer = visitor.get(f"/archive/{slug}")
    assert "Its text." not in answer.text
    assert "<script" not in answer.text
    assert answer.status_code == (200 if slug == ".." else 404)  # a client takes `..` away itself


def test_titles_and_names_are_escaped(tmp_path):
    with (
        site_in(tmp_path, publication="<i>Us & them</i>", postal_address='"Quay"\n<b>1</b>') as site,
        visiting(site) as visitor,
    ):
        letter = site.letter("Hello.")
        site.begin(site.send(letter))
        for path in ("/", "/archive/", "/nothing"):
            text = visitor.get(path).text
            parsed(text)
            assert "<i>" not in text
            assert "<b>" not in text
            assert "&lt;i&gt;Us &amp; them" in text


def test_an_image_may_be_cached_forever(site, visitor):
    site.send()
    answer = visitor.get(f"/media/{PHOTO.name}")
    assert answer.content == PHOTO.data
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    again = visitor.get(f"/media/{PHOTO.name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == answer.headers["cache-control"]
    head = visitor.request("HEAD", f"/media/{PHOTO.name}")
    assert head.headers["content-length"] == str(len(PHOTO.data))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x.jpg",
        PHOTO.name.upper(),
        PHOTO.name + ".exe",
        PHOTO.name.replace("jpg", "svg"),
        "..%2f..%2f.env",
        "%00" + PHOTO.name,
        "0" * 32 + ".jpg",
        "0" * 5000 + ".jpg",
    ],
)
def test_only_names_that_are_hashes_are_images(site, visitor, name):
    site.send()
    assert visitor.get(f"/media/{name}").status_code == 404


@pytest.fixture
def unhurried_health(monkeypatch):
    """Each request is a check of its own."""
    monkeypatch.setattr(site_pages, "CHECK_EVERY", 0.0)


@pytest.mark.usefixtures("unhurried_health")
def test_health_fails_when_unsubscribing_would_fail(site, visitor, send_link, monkeypatch):
    healthy = visitor.get("/healthz")
    assert (healthy.status_code, healthy.json()) == (200, {"status": "ok"})

    def fail(*_arguments, **_options):
        raise LedgerError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(RollbackGuard, "bump", fail)
        assert visitor.post(send_link, data={"List-Unsubscribe": "One-Click"}).status_code == 503
        ill = visitor.get("/healthz")
        assert (ill.status_code, json.loads(ill.text)) == (503, {"status": "unavailable"})
    assert visitor.get("/healthz").status_code == 200
    monkeypatch.setattr(site.app.ledger.sends, "hindered", fail)
    assert visitor.get("/healthz").status_code == 503


def test_health_checks_once_however_often_it_is_asked(site, visitor, monkeypatch):
    writes = []
    try_write = site.app.ledger.try_write
    monkeypatch.setattr(site.app.ledger, "try_write", lambda: writes.append(1) or try_write())
    assert {visitor.get("/healthz").status_code for _ in range(20)} == {200}
    assert len(writes) == 1


@pytest.mark.usefixtures("unhurried_health")
def test_health_names_sends_that_make_no_progress_and_the_reason_on_this_machine_only(site, visitor):
    send = site.send()
    site.app.ledger.sends.note_hindrance(send.id, "no relay reachable since noon")
    known = {"send": send.id, "state": "running"}
    shown = visitor.get("/healthz").json()["sends"]
    assert shown == [{**known, "reason": "no relay reachable since noon"}]
    proxied = visitor.get("/healthz", headers={"X-Forwarded-For": "203.0.113.7"}).json()
    assert proxied == {"status": "ok", "sends": [known]}


def test_a_ledger_error_gives_a_page_without_details(site, visitor, send_link, monkeypatch, caplog):
    def fail(_number):
        raise LedgerError("The disk failed at /home/mailer/secret.db.", "Check it.")

    monkeypatch.setattr(site.app.ledger.report, "delivery", fail)
    answer = visitor.get(send_link)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "secret" not in answer.text
    assert "Something went wrong on our side" in answer.text
    assert "The disk failed" in caplog.text
    assert send_link not in caplog.text


def test_a_defect_gives_a_page_without_details(site, visitor, send_link, monkeypatch):
    def fail(_number):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(site.app.ledger.report, "delivery", fail)
    answer = visitor.get(send_link)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.fixture
def send_link(site):
    return f"/u/{site.token(site.send())}"


def test_every_answer_has_security_headers_and_no_cookie(site, visitor):
    send = site.send()
    site.begin(send)
    link = f"/u/{site.token(send)}"
    requests = [
        (method, path)
        for path in (*ROUTES, link, f"/u/{PLACEHOLDER}", "/no", "/u/no", f"/media/{PHOTO.name}")
        for method in ("GET", "HEAD")
    ]
    requests += [
        ("POST", link),
        ("POST", "/"),
        ("PUT", link),
        ("DELETE", link),
        ("OPTIONS", link),
        ("TRACE", link),
        ("BREW", "/archive/"),
    ]
    for method, path in requests:
        answer = visitor.request(method, path)
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers
        assert "location" not in headers
        assert "cache-control" in headers
        if path.startswith("/u/"):
            assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused(site, visitor, send_link, method):
    for path in ("/", send_link, "/archive/"):
        answer = visitor.request(method, path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]
    assert site.reason() == ""


def test_head_equals_get_without_a_body(site, visitor):
    send = site.send()
    site.begin(send)
    for path in (*ROUTES, f"/u/{site.token(send)}"):
        get, head = visitor.get(path), visitor.request("HEAD", path)
        assert (head.status_code, head.headers) == (get.status_code, get.headers)


def test_robots_txt_excludes_personal_links(visitor):
    text = visitor.get("/robots.txt").text
    assert text == "User-agent: *\nDisallow: /u/\nDisallow: /confirm/\n"
    assert visitor.get("/favicon.ico").status_code == 204


@pytest.mark.parametrize("language", [*LANGUAGES, "de-AT", "iw", "sv"])
def test_every_page_is_well_formed_in_every_language(tmp_path, language):
    with site_in(tmp_path, language=language) as site, visiting(site) as visitor:
        send = site.send(site.letter(language=language))
        site.begin(send)
        link = f"/u/{site.token(send)}"
        answers = [visitor.get(path) for path in ("/", "/archive/", "/no", link, f"/u/{PLACEHOLDER}")]
        answers.append(visitor.post(link))
        answers.append(visitor.post(link, data={"undo": "x"}))
        for answer in answers:
            tree = parsed(answer.text)
            root = tree if tree.tag == "html" else tree.find("html")
            spoken = "en" if language == "sv" else language
            assert root.attrib["lang"] == spoken
            assert root.attrib["dir"] == ("rtl" if spoken in {"he", "ar", "iw"} else "ltr")
            assert len(list(root.iter("h1"))) == 1
            assert len(list(root.iter("main"))) == 1
            assert not list(root.iter("script"))
            assert not any("style" in element.attrib for element in root.iter())
            assert "http" not in re.sub(r"<time[^>]*>", "", answer.text)  # nobody else's server
        if language not in {"en", "sv"}:
            assert "You are unsubscribed" not in answers[-2].text


def test_a_site_below_a_path_links_to_itself_there(tmp_path):
    with site_in(tmp_path, base_url="https://example.org/news") as site, visiting(site) as visitor:
        site.begin(site.send())
        for prefix in ("", "/news"):  # whether the proxy takes the path away, or not
            text = visitor.get(f"{prefix}/archive/").text
            assert 'href="/news/archive/a-letter"' in text
            assert 'href="/news/style.css"' in text
            assert f'src="/news/media/{PHOTO.name}"' in visitor.get(f"{prefix}/archive/a-letter").text
            assert visitor.get(f"{prefix}/style.css").status_code == 200
            assert visitor.get(f"{prefix}/no").status_code == 404
        assert "Disallow: /news/u/" in visitor.get("/robots.txt").text


def test_a_workspace_can_replace_pages(site, tmp_path):
    folder = tmp_path / "templates" / "pages"
    folder.mkdir(parents=True)
    (folder / "front.html.j2").write_text("<p>Ours: {{ name }}</p>", encoding="utf-8")
    with visiting(site) as visitor:
        assert visitor.get("/").text == "<p>Ours: The Harbour Letter</p>"
        assert visitor.get("/archive/").status_code == 200


def test_a_template_of_a_former_version_is_translated(tmp_path):
    (tmp_path / "templates" / "pages").mkdir(parents=True)
    text = '{{ say("This letter goes by e-mail to everybody who signed up for it.") }}'
    (tmp_path / "templates" / "pages" / "front.html.j2").write_text(text, encoding="utf-8")
    with site_in(tmp_path, language="de") as site, visiting(site) as visitor:
        assert "alle, die ihn abonniert haben." in visitor.get("/").text


@pytest.mark.parametrize("broken", ["{% if", "{{ nothing.at.all }}", "{% extends 'no.html.j2' %}", "{{ 1 / 0 }}"])
def test_readers_can_unsubscribe_despite_a_broken_template(site, tmp_path, broken, caplog):
    shutil.copytree(builtin_dir() / "pages", tmp_path / "templates" / "pages")
    for name in ("unsubscribed", "frame"):
        (tmp_path / "templates" / "pages" / f"{name}.html.j2").write_text(broken, encoding="utf-8")
    link = f"/u/{site.token(site.send())}"
    with visiting(site) as visitor:
        answer = visitor.post(link)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert "The template that comes with mailer is used instead" in caplog.text


@pytest.mark.parametrize("sheet", ["/style.css", "/reading.css"])
def test_text_is_as_large_as_the_reader_set_it_in_the_browser(visitor, sheet):
    sizes = re.findall(r"font(?:-size)?:[^;]*?([0-9.]+)(px|rem)", visitor.get(sheet).text)
    assert len(sizes) > 2
    assert {unit for _, unit in sizes} == {"rem"}
    assert min(float(size) for size, _ in sizes) >= 0.875
