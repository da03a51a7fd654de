"""Each rule of the checks: a dispatch that violates it, with the position, and a near miss that does not."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from mailer.dispatch.parse import parse_dispatch
from mailer.edition.model import Image
from mailer.lint.findings import Finding
from mailer.lint.ignore_comments import without_ignored
from mailer.lint.rule_catalogue import RULES
from mailer.lint.run import run_checks
from mailer.mime.dkim.keys import Ed25519Key, new_key
from mailer.mime.dkim.signer import DkimKey
from mailer.mime.provider_headers import PROVIDERS, provider_headers
from tests.support.editions import PUBLICATION, ROOT, TEMPLATES
from tests.support.lint_contexts import (
    dispatch_text,
    findings,
    lint_context,
    positions,
    sender_profile,
    with_html,
    with_message,
)

ARTICLE = "## A\nsource: Harbour Times\ndate: 2026-11-01\nlink: https://times.example.org/a\n\n"
HEBREW = "הספינה הראשונה עגנה אתמול ברציף המזרחי."
PHOTO = "photo:\n  url: https://example.org/quay.jpg\n  alt: Two ferries\n"


def subject(text: str) -> str:
    return dispatch_text("Note.", f"subject: {text}\n")


WORDS: list[tuple[str, str, str, str]] = [
    # rule, where it strikes, a dispatch that trips it, a near miss
    ("placeholder", "7:11", dispatch_text("The board TK met."), dispatch_text("The board of TK Maxx met.")),
    ("placeholder", "7:1", dispatch_text("TODO: a word on this."), dispatch_text("Todo lo que `TODO` says.")),
    ("placeholder", "7:1", dispatch_text("Lorem ipsum dolor."), dispatch_text("He quoted Cicero, not lorem.")),
    ("placeholder", "7:4", dispatch_text("At [insert hour] sharp."), dispatch_text("At [your page](https://example.org/a) now.")),
    ("sample-text", "7:1", dispatch_text("Write your note here. Fog."), dispatch_text("Write your notes here and there.")),
    ("sample-text", "7:1", dispatch_text("The text of the article."), dispatch_text("The text of the article. It was cut.")),
    ("sample-text", "7:4", dispatch_text(f"{ARTICLE}Text.").replace("## A", "## The title of an article"), dispatch_text(f"{ARTICLE}Text.").replace("## A", "## The title of an article matters")),
    ("sample-text", "8:9", dispatch_text(f"{ARTICLE}Text.").replace("Harbour Times", "The name of the paper"), dispatch_text(f"{ARTICLE}Text.")),
    ("sample-text", "10:7", dispatch_text(f"{ARTICLE}Text.").replace("times.example.org/a", "example.org/the-article"), dispatch_text(f"{ARTICLE}Text.")),
    ("sample-text", "7:3", dispatch_text("![What it shows](https://example.org/a.jpg)"), dispatch_text("![A quay](https://example.org/a.jpg)")),
    ("placeholder", "5:10", subject("TKTK"), subject("The tank")),
    ("merge-tag", "7:6", dispatch_text("Dear *|FNAME|*, good day."), dispatch_text("Dear `*|FNAME|*`, good | day.")),
    ("merge-tag", "7:1", dispatch_text("%%first name%% writes."), dispatch_text("A rise of 5%% and 6%%.")),
    (
        "empty-field",
        "7:6",
        dispatch_text("Dear {{ reader.first_name }},"),
        dispatch_text('Dear {{ reader.first_name or "reader" }},'),
    ),
    (
        "empty-field",
        "8:11",
        dispatch_text('{% if reader.city != "Porto" %}\nNews from {{ reader.city }}.\n{% endif %}'),
        dispatch_text("{% if reader.city %}\nNews from {{ reader.city }}.\n{% endif %}"),
    ),
    (
        "empty-field",
        "10:3",
        dispatch_text("{% if reader.city %}\nNothing.\n{% else %}\nA {{ reader.city }}.\n{% endif %}"),
        dispatch_text("{% if not reader.city %}\nNothing.\n{% else %}\nA {{ reader.city }}.\n{% endif %}"),
    ),
    ("empty-field", "5:20", subject("'For you, {{ reader.name }}'"), subject("For all")),
    ("subject-length", "5:10", subject("a " * 40 + "b"), subject("a " * 38 + "bc")),
    ("subject-length", "2:8", dispatch_text("Note.").replace("A letter", "a " * 50), dispatch_text("Note.")),
    ("subject-shouting", "5:10", subject("'The quay is open!!'"), subject("'The quay is open!'")),
    ("subject-shouting", "5:10", subject("'Yes! The quay is open!'"), subject("'¡La quay is open!'")),
    ("subject-shouting", "5:10", subject("QUAY OPENS AGAIN"), subject("NATO and UNESCO on the quay")),
    (
        "subject-shouting",
        "5:12",
        dispatch_text("Note.", "preheader: EVERYTHING MUST LEAVE\n"),
        dispatch_text("Note.", "preheader: Everything must leave\n"),
    ),
    ("subject-pretence", "5:10", subject("'Re: your invoice'"), subject("'Revenue: up again'")),
    ("preheader-length", "5:12", dispatch_text("Note.", f"preheader: {'a ' * 71}b\n"), dispatch_text("Note.", "preheader: A word\n")),
    ("preheader-repeats", "5:12", dispatch_text("Note.", "preheader: A letter!\n"), dispatch_text("Note.", "preheader: Letters\n")),
    ("copyright-year", "4:12", dispatch_text("Note.").replace("© 2026", "© 2025"), dispatch_text("Note.").replace("© 2026", "© 1998-2026")),
    ("photo-credit", "6:3", dispatch_text("Note.", PHOTO), dispatch_text("Note.", f"{PHOTO}  credit: Ines Carvalho\n")),
    (
        "date-after",
        "9:7",
        dispatch_text(f"{ARTICLE}Text.").replace("2026-11-01", "2026-11-03"),
        dispatch_text(f"{ARTICLE}Text.").replace("2026-11-01", "2026-11-02"),
    ),
    (
        "source-link",
        "7:1",
        dispatch_text("## A\nsource: Harbour Times\ndate: 2026-11-01\n\nText."),
        dispatch_text(f"{ARTICLE}Text."),
    ),
    (
        "language-missing",
        "9:1",
        dispatch_text(f"A note in plain English words.\n\n{ARTICLE}{HEBREW}"),
        dispatch_text(f"A note in plain English.\n\n{ARTICLE.strip()}\nlanguage: he\n\n{HEBREW}"),
    ),
    ("alt-words", "7:1", dispatch_text("![DSC_0042.jpg](https://example.org/a.jpg)"), dispatch_text("![A quay](https://example.org/a.jpg)")),
    (
        "alt-words",
        "7:8",
        dispatch_text("Note.", PHOTO).replace("Two ferries", "Photo"),
        dispatch_text("Note.", PHOTO).replace("Two ferries", "Photo of Teodora Reis"),
    ),
    ("link-words", "7:9", dispatch_text("Read it [here](https://example.org/a)."), dispatch_text("[Here be dragons](https://example.org/a)")),
    ("link-words", "7:1", dispatch_text("<https://example.org/a>"), dispatch_text("[example.org](https://example.org/a)")),
    ("link-words", "7:1", dispatch_text("[Mehr …](https://example.org/a)"), dispatch_text("[Mehr Licht](https://example.org/a)")),
    ("link-insecure", "7:1", dispatch_text("[a page](http://example.org/a)"), dispatch_text("[a page](https://example.org/a)")),
    (
        "link-insecure",
        "10:7",
        dispatch_text(f"{ARTICLE}Text.").replace("https://times", "http://times"),
        dispatch_text(f"{ARTICLE}Text."),
    ),
    ("link-shortener", "7:1", dispatch_text("[the page](https://bit.ly/abc)"), dispatch_text("[the page](https://orbit.ly/abc)")),
    (
        "link-mismatch",
        "7:1",
        dispatch_text("[bank.example.com](https://evil.example.net/a)"),
        dispatch_text("[example.com](https://www.example.com/a) [Booking.com sinks](https://times.example.org/a)"),
    ),
    (
        "link-mismatch",
        "7:1",
        dispatch_text("[paypal.com](https://evil.example.net/a)"),
        dispatch_text(
            "[avatar.png](https://example.org/a) [README.md](https://example.org/r) [Node.js](https://nodejs.org/en)"
            " [ASP.NET](https://dotnet.microsoft.com/) [Iggy.rs](https://example.org/i) [main.py](https://example.org/p)"
            " [report.pdf](https://example.org/files/report.pdf) [v1.2.3](https://example.org/v) [U.S.](https://example.org/u)"
        ),
    ),
    (
        "link-mismatch",
        "7:1",
        dispatch_text("[ana@example.org](mailto:bo@example.com)"),
        dispatch_text("[Ana@example.org](mailto:ana@example.org?subject=Hello) [write to us](mailto:bo@example.com)"),
    ),
    (
        "link-mismatch",
        "7:1",
        dispatch_text("[The bank](https://bank.example@evil.example.net/)"),
        dispatch_text("[The bank](https://bank.example/@evil.example.net)"),
    ),
    (
        "link-mismatch",
        "7:1",
        dispatch_text("[Sign in at HTTPS://BANK.EXAMPLE.COM/login!](https://evil.example.net/)"),
        dispatch_text("[Sign in at https://bank.example.com/login!](https://bank.example.com/)"),
    ),
    (
        "link-mismatch",
        "7:1",
        dispatch_text("[BANK.EXAMPLE.COM →](https://evil.example.net/)"),
        dispatch_text("[BANK.EXAMPLE.COM →](https://bank.example.com/)"),
    ),
    ("link-private", "7:1", dispatch_text("[the page](https://10.0.0.7/a)"), dispatch_text("[the page](https://example.org/10.0.0.7)")),
    ("link-private", "7:1", dispatch_text("[the page](https://intranet/a)"), dispatch_text("[the page](https://intranet.example.org/a)")),
    ("heading-order", "12:1", dispatch_text(f"{ARTICLE}#### Too deep\n\nText."), dispatch_text(f"{ARTICLE}### Deep\n\nText.")),
    ("image-size", "7:11", dispatch_text("![A quay](https://example.org/a.jpg)"), dispatch_text("Note.", PHOTO)),
    (
        "image-format",
        "6:8",
        dispatch_text("Note.", PHOTO.replace(".jpg", ".webp")),
        dispatch_text("Note.", PHOTO.replace("quay.jpg", "webp.png")),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "where", "wrong", "near"), WORDS, ids=[f"{case[0]}-{n}" for n, case in enumerate(WORDS)]
)
def test_a_dispatch_violates_the_rule_at_its_position_and_a_near_miss_does_not(rule, where, wrong, near):
    assert where in positions(wrong, rule)
    assert positions(near, rule) == []


def rules(context):
    return {problem.rule for problem in run_checks(context)}


def weighing(kilobytes: int) -> str:
    """A letter of about this size, of three articles, the second of which is nearly all of it."""

    def source(paragraphs: int) -> str:
        other = ARTICLE.replace("## A", "## Barge")
        last = ARTICLE.replace("## A", "## C")
        return dispatch_text(f"{ARTICLE}Text.\n\n{other}" + ("A word. " * 90 + "\n\n") * paragraphs + f"{last}Text.")

    one, two = (lint_context(source(number)).pages[0].size for number in (1, 2))
    return source(1 + (kilobytes * 1024 - one) // (two - one))


SIGNED = {"signers": (DkimKey(domain="example.org", selector="s", key=new_key(Ed25519Key)),)}


def picture(width: int, size: int) -> Image:
    return Image(name=f"{width}.jpg", content_type="image/jpeg", width=width, height=400, data=b"x" * size)


def with_photo(width: int, size: int) -> set[str]:
    source = dispatch_text("Note.", "photo:\n  file: quay.jpg\n  alt: Two ferries\n  credit: Ines\n")
    return rules(lint_context(source, images={"quay.jpg": picture(width, size)}))


def test_a_faultless_dispatch_has_no_findings():
    assert findings(dispatch_text(f"A note.\n\n{ARTICLE}Text.")) == ()


@pytest.mark.parametrize(("kilobytes", "rule"), [(88, None), (95, "html-size"), (105, "html-clipped")])
def test_html_over_the_clip_is_reported_with_the_article_that_exceeds_it(kilobytes, rule):
    found = [each for each in findings(weighing(kilobytes)) if each.rule in {"html-size", "html-clipped"}]
    assert [each.rule for each in found] == ([rule] if rule else [])
    assert all("“Barge” takes it over" in each.message and each.line == 14 for each in found), found


@pytest.mark.parametrize(
    ("rule", "old", "new", "near"),
    [
        ("style-size", "<style>", "<style>" + ".a { color: #111 }" * 1200, "<style>" + ".a { color: #111 }" * 100),
        ("style-place", "</body>", "<style>.a{color:#111}</style></body>", "<p>a</p></body>"),
        ("alt-missing", "</body>", '<img src="https://example.org/a.png" width="9"></body>', '<img src="a.png" alt="" width="9"></body>'),
        ("image-size", "</body>", '<img src="a.png" alt="" width="701"></body>', '<img src="a.png" alt="" width="700"></body>'),
        ("table-role", "</body>", "<table><tr><td>a</td></tr></table></body>", "<table><tr><th>a</th></tr></table></body>"),
        ("page-language", '<html lang="en"', "<html", '<html lang="de"'),
        ("anchor-dead", "</body>", '<a href="#gone">the top</a></body>', '<a name="gone"></a><a href="#gone">the top</a></body>'),
        ("anchor-duplicate", "</body>", '<a name="b"></a><p id="b">b</p></body>', '<a name="b" id="b"></a><p id="c">b</p></body>'),
        ("heading-order", "</body>", "<h1>Another</h1></body>", "<h2>Another</h2></body>"),
        ("contrast", "</body>", '<p style="color:#888; background:#fff">faint</p></body>', '<p style="color:#767676; background:#fff">b</p></body>'),
        ("contrast", "</body>", '<p style="font-size:23px; color:#888; background:#fff">faint</p></body>',
         '<p style="font-size:24px; color:#888; background:#fff">large</p></body>'),
        ("contrast", "</body>", '<div style="background:#fff"><p style="color:rgba(0,0,0,.4)">faint</p></div></body>',
         '<div style="background:#fff; display:none"><p style="color:rgba(0,0,0,.4)">unseen</p></div></body>'),
        ("contrast", "</body>", '<table role="none" bgcolor="#222222"><tr><td style="color:#333">a</td></tr></table></body>',
         '<p style="color:#333; background:url(a.png)">on a picture</p></body>'),
        ("contrast-dark", "</style>", "@media (prefers-color-scheme: dark) { html body h1[class] { color: #222 !important } }</style>",
         "@media (prefers-color-scheme: dark) and (max-width: 1px) { html body h1[class] { color: #222 !important } }</style>"),
        ("client-support", "</body>", '<div style="display:flex">a</div></body>', '<div style="border-radius:4px">a</div></body>'),
        ("client-support", "</body>", '<div style="width: calc(100% - 1rem)">a</div></body>', '<div style="width:100%">calc(1rem)</div></body>'),
        ("client-support", "</style>", ".x { position: absolute }</style>", "@media (max-width: 1px) { .x { position: absolute } }</style>"),
        ("client-support", "</body>", "<video></video></body>", "<em>a</em></body>"),
        ("link-insecure", "</body>", '<a href="http://elsewhere.example.com/">there</a></body>', "</body>"),
    ],
)  # fmt: skip
def test_a_template_violates_the_rule_and_a_near_miss_does_not(rule, old, new, near):
    context = lint_context(dispatch_text("Note."))
    assert rule in rules(with_html(context, old, new))
    assert rule not in rules(with_html(context, old, near))


def test_every_branch_of_every_condition_is_checked():
    image = "![A quay](https://example.org/{}.webp)"
    nested = [
        "{% if reader.c %}",
        image.format(1),
        '{% elif reader.c == "d" %}',
        image.format(2),
        "{% else %}",
        image.format(3),
        "{% endif %}",
    ]
    body = [
        "{% if reader.a %}",
        *nested,
        '{% elif reader.a == "b" %}',
        image.format(4),
        "{% else %}",
        image.format(5),
        "{% endif %}",
    ]
    assert positions(dispatch_text("\n".join(body)), "image-format") == ["9:11", "11:11", "13:11", "16:11", "18:11"]


def test_the_longest_variant_is_measured():
    text = ("A word. " * 100 + "\n\n") * 160
    body = f"{{% if reader.a %}}\n{text}\n{{% else %}}\nLittle.\n{{% endif %}}"
    assert positions(dispatch_text(body), "html-clipped")
    assert positions(
        dispatch_text(body.replace("{% if reader.a %}", "{% if reader.a %}\nLess.\n{% elif reader.b %}")),
        "html-clipped",
    )


def test_a_dark_rule_without_important_loses_to_the_inlined_style():
    context = with_html(
        lint_context(dispatch_text("Note.")), "</body>", '<p class="x" style="color:#222; background:#fff">a</p></body>'
    )
    weak = "@media (prefers-color-scheme: dark) {{ .x {{ background-color: #111{} }} }}</style>"
    assert "contrast-dark" not in rules(with_html(context, "</style>", weak.format("")))
    assert "contrast-dark" in rules(with_html(context, "</style>", weak.format(" !important")))


def test_image_bytes_and_widths_are_checked():
    assert with_photo(1200, 500 * 1024) == set()
    assert with_photo(1200, 500 * 1024 + 1) == {"image-bytes"}
    assert with_photo(600, 1) == set()
    assert with_photo(599, 1) == {"image-width"}


def test_an_animation_and_a_dark_image_without_a_ground_are_reported():
    plain = Image(name="a.png", content_type="image/png", width=1200, height=600, data=b"x")
    front = "photo:\n  file: a.png\n  alt: Ferries\n  credit: Mara\n"

    def found(image: Image) -> list[tuple[str, int]]:
        source = dispatch_text("Note.", front)
        return [(each.rule, each.line) for each in run_checks(lint_context(source, images={"a.png": image}))]

    assert found(plain) == []
    assert found(replace(plain, is_animated=True)) == [("image-animated", 6)]
    assert found(replace(plain, vanishes=True)) == [("image-vanishes", 6)]


def test_a_dark_logo_needs_one_for_dark_mode(tmp_path):
    for name, grey in (("logo.png", 20), ("pale.png", 230)):
        logo = Pillow.new("RGBA", (400, 100), (0, 0, 0, 0))
        logo.paste((grey, grey, grey, 255), (50, 20, 350, 80))
        logo.save(tmp_path / name)

    def found(more: str) -> set[str]:
        (tmp_path / "theme.toml").write_text(f'theme = "daily"\n[logo]\nfile = "logo.png"\nwidth = 160\n{more}')
        return rules(lint_context(dispatch_text("Note."), templates=(tmp_path, TEMPLATES)))

    assert found("") == {"image-vanishes"}
    assert found('dark_file = "pale.png"\n') == set()


def test_the_findings_of_lost_features_name_the_share_of_mail_programs():
    context = with_html(
        lint_context(dispatch_text("Note."), clients=("outlook.windows", "apple-mail")),
        "</body>",
        "<video></video></body>",
    )
    (found,) = (each for each in run_checks(context) if each.rule == "client-support")
    assert "1 of 3 mail programs (33%): Outlook (Windows)" in found.message


@pytest.mark.parametrize(
    ("source", "earlier", "expected"),
    [
        ("Harbor Times", {"Harbour Times": "crane"}, ["8:9"]),
        ("The Harbour Times", {"Harbour Times": "crane"}, ["8:9"]),
        ("Harbour Times", {"Harbour Times": "crane", "Harbor Times": "older"}, []),
        ("National Post", {"National Wire": "crane"}, []),
        ("North Wire", {"South Wire": "crane"}, []),
        ("Channel 4", {"Channel 5": "crane"}, []),
        ("BBC", {"NBC": "crane"}, []),
    ],
)
def test_a_source_spelt_differently_than_before_is_reported(source, earlier, expected):
    assert (
        positions(dispatch_text(f"{ARTICLE}Text.".replace("Harbour Times", source)), "source-spelling", sources=earlier)
        == expected
    )


def test_a_link_to_an_unsent_dispatch_is_reported():
    earlier = "earlier:\n  - title: Winters\n    slug: 2025-12-18-eleven-winters\n"
    text = dispatch_text("See [[2026-03-02-crane]].\n\n> And\n> [[2025-12-18-eleven-winters]]", earlier)
    assert positions(text, "link-unsent") == []
    assert positions(text, "link-unsent", unsent=frozenset({"2026-03-02-crane"})) == ["10:5"]
    assert positions(text, "link-unsent", unsent=frozenset({"2025-12-18-eleven-winters"})) == ["7:11", "13:3"]


def test_two_spellings_in_one_dispatch_are_reported():
    body = f"{ARTICLE}Text.\n\n" + f"{ARTICLE}Text.".replace("Harbour", "Harbor").replace("## A", "## B")
    assert positions(dispatch_text(body), "source-spelling") == ["15:9"]


def test_html_and_plaintext_have_an_unsubscribe_link_and_the_postal_address():
    context = lint_context(dispatch_text("Note."))
    assert {"unsubscribe-missing"} == rules(replace(context, unsubscribe_url="https://letter.example.org/leave/")) - {
        "one-click"
    }
    assert "postal-address" in rules(replace(context, postal_address="2 Quay Street"))
    nowhere = replace(context, postal_address="")
    assert "postal-address" in rules(nowhere)
    assert "postal-address" not in rules(replace(nowhere, base_url="http://127.0.0.1:8000"))


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        ("message-headers", b"Subject: ", b"Subject: x\r\nSubject: "),
        ("message-headers", b"Subject: ", b"X-Subject: "),
        ("message-headers", b"letter@example.org", b"other@example.org"),
        ("message-headers", b"@example.org>\r\n", b"@example.net>\r\n"),
        ("message-lines", b"Subject: ", b"Subject: " + b"x" * 990),
        ("message-lines", b"Subject: ", b"Subject: a\n"),
        ("message-encoding", b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: base64"),
        ("message-encoding", b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: x-none"),
        ("message-encoding", b"charset=utf-8", b"charset=klingon"),
        ("plaintext", b"Content-Type: text/plain", b"Content-Type: text/markdown"),
        ("plaintext", b"multipart/alternative", b"multipart/mixed"),
        ("one-click", b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Clicks"),
        ("one-click", b"/u/", b"/v/"),
    ],
)
def test_a_message_that_breaks_the_contract_is_reported(rule, old, new):
    context = lint_context(dispatch_text("Note."))
    assert rule not in rules(context)
    assert rule in rules(with_message(context, old, new))


def test_headers_for_the_webhooks_of_providers_are_expected_once():
    context = lint_context(dispatch_text("Note."))
    ours = b"".join(provider_headers(PROVIDERS, "<a@example.org>"))
    assert rules(replace(context, message=ours + context.message)) == rules(context)
    assert "message-headers" in rules(replace(context, message=ours + ours + context.message))


@pytest.mark.parametrize(
    "name",
    ["Lindqvist, Mära", "Mära; Lindqvist: “news”", 'Lindqvist, "M."', "Mara @ Häfen <Porto>", "=?utf-8?q?x?=, y", ""],
)
def test_any_name_of_the_sender_is_read_back(name):
    publication = replace(PUBLICATION, from_name=name)
    assert rules(lint_context(dispatch_text("Note."), publication=publication)) == set()


def test_the_plaintext_has_every_headline():
    context = lint_context(dispatch_text(f"{ARTICLE}Text.".replace("## A", "## Zebra crossing")))
    assert "plaintext" in rules(replace(context, edition=lint_context(dispatch_text("Note.")).edition))


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"", b"", None),
        (b"list-unsubscribe-post", b"x-nothing", "dkim-cover"),
        (b":from", b":xrom", "dkim-cover"),
        (b"c=relaxed/relaxed;", b"c=relaxed/relaxed; l=10;", "dkim-cover"),
        (b"d=example.org", b"d=example.net", "dkim-alignment"),
        (b"d=example.org", b"d=mail.example.org", None),
    ],
)
def test_the_signature_covers_what_it_must_and_is_the_senders(old, new, rule):
    context = with_message(lint_context(dispatch_text("Note."), sender=sender_profile(**SIGNED)), old, new)
    assert rules(context) == ({rule} if rule else set())


def ignored(comment: str, body: str = "TODO", **options) -> list[str]:
    context = lint_context(dispatch_text(body, f"{comment}\n"))
    return [str(each.rule) for each in without_ignored(run_checks(context), context.source_index, "a.md", **options)]


@pytest.mark.parametrize(
    ("comment", "body", "left"),
    [
        ("# check: ignore placeholder", "TODO", []),
        ("lists: [readers]  # check: ignore placeholder", "TODO", []),
        ("# check: ignore placeholder, link-words", "TODO [here](https://example.org)", []),
        ("# check: ignore placeholder", "Note.", ["ignore-unused"]),
        ("# check: ignore placehodler", "TODO", ["ignore-unknown", "placeholder"]),
        ("# check: ignore", "Note.", ["ignore-unknown"]),
        ("# check: ignore unsubscribe-missing", "Note.", ["ignore-refused"]),
        ("# check: ignore missing-key", "Note.", ["ignore-refused"]),
        ("preheader: 'a # check: ignore placeholder'", "TODO", ["placeholder"]),
        ("preheader: |-\n  # check: ignore placeholder", "TODO", ["placeholder"]),
    ],
)
def test_a_comment_in_the_front_matter_ignores_a_rule(comment, body, left):
    assert ignored(comment, body) == left


def test_ignoring_an_unchecked_rule_is_not_reported_as_unused():
    assert ignored("# check: ignore link-dead", "Note.", unsought={"link-dead"}) == []


def test_an_unknown_rule_gets_a_suggestion():
    context = lint_context(dispatch_text("Note.", "# check: ignore placehodler\n"))
    (found,) = without_ignored(run_checks(context), context.source_index, "a.md")
    assert (found.line, found.column, found.expected) == (5, 17, "did you mean “placeholder”?")


def test_each_rule_has_a_case():
    names = ("lint/test_rule_catalogue.py", "lint/test_link_checker.py", "service/dispatches/test_preview.py")
    tests = "".join((Path(__file__).parents[1] / name).read_text() for name in names)
    assert {name for name in RULES if f'"{name}"' not in tests} == set(), "add a case to WORDS"


def test_each_rule_has_reason_source_and_remedy():
    for rule in RULES.values():
        assert all(text and "\n" not in text for text in (rule.title, rule.why, rule.source, rule.how)), rule.id


def test_a_finding_names_a_rule_that_exists():
    with pytest.raises(ValueError, match=r"“nonesuch” is not in mailer/lint/rule_catalogue\.py"):
        Finding(rule="nonesuch", message="x")


WRITTEN = st.text(st.sampled_from(list("aB #*_`[](){}%!|<>\\&;:/.-0\n\"'é“שא漢\u200f")), max_size=120)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(WRITTEN, WRITTEN)
def test_findings_for_any_text_have_positions_in_the_file(note, text):
    source = dispatch_text(f"{note}\n\n{ARTICLE}{text}")
    if parse_dispatch(source, "a.md").dispatch is None:
        return
    lines = source.split("\n")
    for found in findings(source):
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.column <= len(lines[found.line - 1]) + 1


def test_each_text_that_the_insert_menu_writes_is_reported_until_it_is_replaced():
    script = (ROOT / "mailer/web/static/write.js").read_text(encoding="utf-8")
    article, photo, condition = (re.search(rf'\["{name}", .*', script)[0] for name in ("article", "image", "if"))
    texts = re.findall(r"\$\{([A-Z][^}]+)\}", article + photo + condition)
    texts.remove("Porto Novo")  # a value of a condition
    assert len(texts) == 5
    for text in texts:
        context = lint_context(
            dispatch_text(f"![{text}](https://example.org/a.jpg)" if text == "What it shows" else text)
        )
        assert "sample-text" in rules(context), text


@pytest.mark.parametrize(
    ("changes", "front", "is_found"),
    [
        ({}, "", True),
        ({"publication_name": "Harbour Times"}, "", False),
        ({}, "editor:\n  name: Harbour Times\n", False),
    ],
)
def test_an_article_of_one_s_own_needs_no_link_to_its_source(changes, front, is_found):
    text = dispatch_text("## A\nsource: Harbour Times\ndate: 2026-11-01\n\nText.", front)
    assert ("source-link" in [each.rule for each in findings(text, **changes)]) is is_found


def test_sample_text_that_the_dispatch_needs_is_to_be_replaced_not_deleted():
    text = dispatch_text(f"Write your note here.\n\n{ARTICLE}Text.").replace("Harbour Times", "The name of the paper")
    found = [each.expected for each in findings(text) if each.rule == "sample-text"]
    assert found == ["replace it by your own, or delete it", "replace it by your own"]
