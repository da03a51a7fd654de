"""What came into an import is in the dispatch, or is named: text, links, dates, pictures."""

import datetime as dt
import io
import zipfile
from email.message import EmailMessage

import pytest

from mailer.errors import UsageError
from mailer.service.dispatches.import_past_issues import import_file, importable_files, read_issue

TODAY = dt.date(2026, 11, 22)
HEAD = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>The quay is open</title></head><body>'
WRAPPED = "\n".join(["The ferry to the isle sails again from the first of May, after a"] * 4)
MAIL = "From: Mara <mara@example.org>\r\nSubject: The quay is open\r\nDate: Wed, 12 Oct 2022 09:00:00 +0200\r\n"


def read(content, name="old.txt"):
    data = content if isinstance(content, bytes) else content.encode()
    return read_issue(data, name, today=TODAY, language="en")


def page(body, title="<h1>The quay is open</h1><p>8 November 2026</p>"):
    return read(f"{HEAD}{title}{body}</body></html>", "old.html")


def doubts(issue):
    return "\n".join(f"{doubt.line}: {doubt.message}" for doubt in issue.doubts)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ('<p style="font-size:0.9em">The fares rise.</p>', "The fares rise."),
        ('<p style="font-size: 0.875rem;">Small print.</p>', "Small print."),
        ('<p style="max-height:0.5em">Low.</p>', "Low."),
        ('<div style="font-size:0"><span style="font-size:14px">Own size.</span></div>', "Own size."),
        ("<p>" + "<span>" * 150 + "Deep." + "</span>" * 150 + "</p>", "Deep."),
        ("<div>" * 240 + "Very deep." + "</div>" * 240, "Very deep."),
        ("<ul><li>" * 900 + "Deep item." + "</li></ul>" * 900, "Deep item."),
        ("<pre>" + "<b>" * 2000 + "Deep code." + "</b>" * 2000 + "</pre>", "Deep code."),
        ("<b><i>" * 900 + "Deep marks." + "</i></b>" * 900, "Deep marks."),
        ("<p>10<sup>6</sup> m<sup>2</sup>, H<sub>2</sub>O</p>", "10⁶ m², H₂O"),
        ('<ol start="5"><li>five</li><li>six</li></ol>', "5. five\n6. six"),
        ("<pre>line one<br>line two</pre>", "line one\nline two"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>Quay<br>north</td><td>x</td></tr></table>", "| Quay north | x |"),
        ("<p>Residents may unsubscribe from the alerts until Friday.</p>", "Residents may unsubscribe from"),
        ("<p>Das Spiel läuft im Browser und kostet nichts.</p>", "Das Spiel läuft im Browser"),
        ("<p>You can view online copies of the plan.</p>", "You can view online copies"),
        ('<p>Mara – <a href="https://x.example/v">View online</a></p>', "\n\nMara\n"),
        ('<p>By M – 2022 | Porto · <a href="https://x.example/v">View online</a></p>', "By M – 2022 \\| Porto\n"),
        ("<p>She said <q>yes</q>.</p>", 'She said "yes".'),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td><p>a</p><p>b</p></td><td>4</td></tr></table>", "| a b | 4 |"),
    ],
)
def test_text_of_a_page_stays(body, kept):
    assert kept in page(body).text


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (
            '<div style="display:none">Preheader</div><p>x</p>',
            "left out, because it is hidden on the page: “Preheader”",
        ),
        ('<div style="font-size:0">Nothing to see</div><p>x</p>', "hidden on the page: “Nothing to see”"),
        ("<form><p>Your name</p></form><p>x</p>", "left out, because it is part of a form: “Your name”"),
        ('<p><a href="https://x.example/u">Unsubscribe</a></p><p>x</p>', "such a line automatically: “Unsubscribe”"),
        (
            '<p>If you like, <a href="https://x.example/u">unsubscribe here</a>.</p><p>x</p>',
            "“If you like, unsubscribe here.”",
        ),
        ("<p><s>old</s> new</p>", "“old” is struck through on the page"),
        ('<p><a href="/relative">relative</a></p>', "“relative” is a link to /relative"),
        (
            '<p>x</p><a href="https://x.example/map"><img src="https://x.example/m.png" alt="Map"></a>',
            "to https://x.example/map",
        ),
        ('<p><a href="ftp://x.example/f">old</a></p>', "ftp://x.example/f, which is no address of the web or of mail"),
        ('<pre>see <a href="https://x.example/1">this</a></pre>', "the link to https://x.example/1 was left out"),
        ("<p>H<sub>abc</sub> e<sup>i<i>x</i></sup></p>", "“abc” is below the line"),
        ("<p>H<sub>abc</sub> e<sup>i<i>x</i></sup></p>", "“ix” is above the line"),
        ('<ol><li>one</li><li value="9">nine</li></ol>', "the list that begins “one” is numbered differently"),
        ('<ol type="a"><li>one</li></ol>', "the list that begins “one” is numbered differently"),
        (
            "<table><tr><th>A</th><th>B</th></tr><tr><td><ul><li>x</li></ul></td><td>y</td></tr></table>",
            "the table that begins “A” became text",
        ),
    ],
)
def test_what_is_left_out_of_a_page_is_named(body, named):
    assert named in doubts(page(body))


LINKS = {
    "in a cell of bullets": '<table><tr><td>&bull;</td><td><a href="{}">Ferry</a></td></tr><tr><td>&bull;</td><td>Quay</td></tr></table>',
    "in a table of data": '<table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td><a href="{}">4 euros</a></td></tr></table>',
    "around a block": '<a href="{}"><div>Buy a ticket</div></a>',
    "over two lines": '<p><a href="{}">Two<br>lines</a></p>',
    "in a heading": '<h2><a href="{}">Ferry sails</a></h2><p>It does.</p>',
    "around bold text": '<p><a href="{}"><b>bold</b> link</a></p>',
    "in bold text": '<p><b><a href="{}">in bold</a></b></p>',
    "in an item of a list": '<ul><li><a href="{}"><p>Item</p></a></li></ul>',
    "without its scheme": '<p><a href="//example.org/story?a=1">Ferry</a></p>',
    "around a heading": '<a href="{}"><h3>Ferry</h3></a>',
}


@pytest.mark.parametrize("body", LINKS.values(), ids=LINKS)
def test_a_link_of_a_page_stays(body):
    issue = page("<p>Dear readers.</p>" + body.format("https://example.org/story?a=1"))
    assert "](https://example.org/story?a=1)" in issue.text
    assert "left out" not in doubts(issue)


def test_the_link_of_an_article_s_title_is_the_article_s_link():
    issue = page(
        '<h2><a href="https://example.org/s">Ferry</a></h2><p>Harbour Times, 7 November 2026</p><p>It sails.</p>'
    )
    assert "## Ferry\nsource: Harbour Times\ndate: 2026-11-07\nlink: https://example.org/s\n" in issue.text


def test_the_link_of_a_telephone_number_stays():
    assert "[call](tel:+351220000)" in page('<p><a href="tel:+351220000">call</a></p>').text


def test_a_link_that_is_lost_is_named():
    lost = '<p><a href="https://example.org/12">x</a></p><p><a href="https://example.org/1"></a></p>'
    assert "the link to https://example.org/1 was left out" in doubts(page(lost))
    issue = page("<p>x</p>", title='<h1><a href="https://example.org/home">The quay</a></h1><p>8 November 2026</p>')
    assert "the link to https://example.org/home was left out" in doubts(issue)


def test_words_that_are_lost_are_named_with_their_line():
    issue = read(
        "The quay\n\nOctober 26, 2026\n\nOur contents today:\n\n1. “Fog” (Times, Oct. 25, 2026)\n\n\nFog\nTimes\nOctober 25, 2026\n\nx\n"
    )
    assert "5: “Our contents today:” is above the contents and was left out" in doubts(issue)
    assert "not in the dispatch" not in doubts(issue)


@pytest.mark.parametrize(
    ("content", "name", "date", "named"),
    [
        (f"{MAIL}\r\nDear all,\r\n", "old.eml", "2022-10-12", ""),
        (f"{MAIL}\r\nDear all,\r\n\r\nNews.\r\n", "old.txt", "2022-10-12", ""),
        (f"{MAIL}\r\nThe quay is open\r\n1 March 2020\r\n\r\nx\r\n", "old.eml", "2022-10-12", "the text has the date 2020-03-01"),
        ("The quay\nIssue 12, 1 March 2026\n\nx\n", "old.txt", "2026-03-01", "the line “Issue 12, 1 March 2026”, which was kept"),
        ("The quay\nVol. 3, No. 12 -- March 2026\n\nx\n", "old.txt", "2026-03-01", "the first day of the month is used"),
        ("Letter, October\n\nx\n", "1999-10-06.txt", "1999-10-06", "that in the file’s name is used"),
        ("Letter, October\n\nx\n", "letter_19991006.txt", "1999-10-06", "that in the file’s name is used"),
        ("Letter\n\nhello\n\nThis is the Letter of October 6, 1999\nWe write to you.\n", "a.txt", "2026-11-22", "today’s date is used"),
        ("Letter\n\nWe met at the quay on 3 March 2026.\n\nx\n", "1999-10-06.txt", "1999-10-06", "that in the file’s name is used"),
        ("Letter\n\nWe met at the quay on 3 March 2026.\n\nx\n", "a.txt", "2026-11-22", "today’s date is used"),
        ("Letter\n\nx\n", "brief-15.2.2026.txt", "2026-02-15", "that in the file’s name is used"),
        (f"{HEAD}<h1>The quay</h1><p>By M – 14 Oct 2022 – View online</p><p>x</p>", "a.html", "2022-10-14", "By M – 14 Oct 2022"),
        (
            f'{HEAD}<h1>The quay</h1><p>x</p><p><a href="https://x.example">View online, 14 Oct 2022</a></p>',
            "a.html", "2022-10-14", "taken from a line that was left out",
        ),
    ],
)  # fmt: skip
def test_the_date_is_that_of_the_best_evidence_and_the_evidence_is_named(content, name, date, named):
    issue = read(content, name)
    assert f"\ndate: {date}\n" in issue.text.partition("\n---\n")[0] + "\n"
    assert named in doubts(issue)
    assert named or "date" not in doubts(issue)


def test_an_article_of_prose_is_named():
    issue = read("Letter\n\nhello\n\nThis is the Letter of October 6, 1999\nWe write to you.\n")
    assert "“hello” was read as the title of an article, because there is a date under it" in doubts(issue)


def test_a_text_that_opens_with_header_lines_is_a_message():
    issue = read(
        'Subject: Letter, October\nFrom: "Mara" <mara@example.org>\nDate: Wed, 6 Oct 1999 12:25:31 -0500\n\nDear all,\n\nx\n'
    )
    assert issue.file_name == "1999-10-06-letter-october.md"
    assert "mara@example.org" not in issue.text and "Dear all,\n\nx\n" in issue.text


@pytest.mark.parametrize(
    "head",
    [
        "From:\tMara L\nSent:\tWednesday, October 6, 1999 12:25 PM\nTo:\tlist@example.org\nSubject:\tThe letter",
        "Betreff: The letter\nVon: Mara\nAn: liste@example.org\nDatum: 6. Oktober 1999",
        "De : Mara\nEnvoyé : mercredi 6 octobre 1999 12:25\nÀ : liste@example.org\nObjet : The letter",
        "De: Mara\nEnviado el: 6 de octubre de 1999\nPara: lista@example.org,\n  bo@example.org\nAsunto: The letter",
        "De: Mara\nEnviado: 6 de outubro de 1999\nPara: lista@example.org\nAssunto: The letter",
        "נושא: The letter\nמאת: מארה\nתאריך: 6 באוקטובר 1999",
        "الموضوع: The letter\nمن: مارا\nالتاريخ: 6 أكتوبر 1999",
    ],
)
def test_header_lines_in_the_words_of_a_mail_program_are_those_of_a_message(head):
    issue = read(f"{head}\n\nDear all,\n\nx\n")
    assert issue.file_name == "1999-10-06-the-letter.md"
    assert issue.text.endswith("---\n\nDear all,\n\nx\n")


def test_lines_that_only_look_like_header_lines_are_text():
    assert "Subject" in read("The quay\n\nSubject: repairs\nDate: 1 March 2026\nTo: all\n\nx\n").text
    assert "Assunto: y" in read("Data: 1 March 2026\nAssunto: y\nThe quay is open\n\nx\n").text


def test_the_subject_of_a_plain_message_is_the_headline_and_its_headings_stay():
    issue = read(f"{MAIL}\r\nDear readers,\r\n\r\nNEWS\r\n====\r\n\r\nIt sails.\r\n", "old.eml")
    assert "title: The quay is open\n" in issue.text
    assert "Dear readers,\n\n### NEWS\n\nIt sails." in issue.text


def test_a_subject_in_raw_bytes_is_read_and_named_if_it_differs_from_the_headline():
    raw = (
        MAIL.replace("The quay is open", "Café news").encode()
        + b"Content-Type: text/html; charset=utf-8\r\n\r\n<h1>Letter</h1><p>x</p>"
    )
    issue = read(raw, "old.eml")
    assert "the subject of the message, “Café news”, differs from the headline" in doubts(issue)


@pytest.mark.parametrize(
    ("data", "kept", "named"),
    [
        (
            "Café\n1 March 2026\n\nGrüße.\n".encode() + b"Caf\xe9 too.\n",
            "Café too.",
            "5: it is not all UTF-8; “Café” was read as",
        ),
        (
            b"Kai\n1 March 2026\n\nGr\xfc\xdfe.\n",
            "Grüße.",
            "4: it is not all UTF-8; all of it was read as Windows-1252: “Grüße.”",
        ),
        (b"Kai\n1 March 2026\n\nGr\x81\xe1e.\n", "Gr", "“Gr\N{REPLACEMENT CHARACTER}áe.” has lost a character"),
        (
            MAIL.encode() + b"Content-Type: text/plain; charset=x-unknown\r\n\r\nCaf\xc3\xa9\r\n",
            "Café",
            "it says x-unknown, but “Café” was read as UTF-8",
        ),
        (f"{HEAD}<h1>Caf\N{REPLACEMENT CHARACTER}</h1>".encode(), "Caf", "1: “Caf\N{REPLACEMENT CHARACTER}” has lost"),
        (
            "Kai\n1 March 2026\n\nGr\N{REPLACEMENT CHARACTER}n.\n".encode(),
            "Gr",
            "4: “Gr\N{REPLACEMENT CHARACTER}n.” has lost",
        ),
    ],
)
def test_a_guessed_encoding_and_a_lost_character_are_named_with_their_line(data, kept, named):
    issue = read(data)
    assert kept in issue.text
    assert named in doubts(issue)


def test_labels_of_encodings_mean_what_browsers_take_them_for():
    head = (
        MAIL.encode()
        + b"Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    issue = read(head + b"<h1>The quay is open</h1><p>Gr=FC=DFe, 5 =80 =93quoted=94</p>", "old.eml")
    assert "Grüße, 5 € “quoted”" in issue.text
    assert "Windows-1252" not in doubts(issue)


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("The quay\n========\n1 March 2026\n\nNews\n----\n\nIt sails.\n\nFish\n~~~~\n\n* * *\n\nBye.\n", "### News\n\nIt sails.\n\n### Fish\n\nBye."),
        ("Q\n1 March 2026\n\nFrom      To     Euro\nQuay      Isle   4.00\n", "```\nFrom      To     Euro\nQuay      Isle   4.00\n```"),
        ("Q\n1 March 2026\n\nx\n\n    code\n      more\n", "```\ncode\n  more\n```"),
        ("Q\n1 March 2026\n\n“Books are ships.”\n\n-- Joseph Writer\n\nDear readers.\n\nMara\n", "\\-- Joseph Writer\n\nDear readers."),
        ("Q\n1 March 2026\n\nx\n\n\nKudos to @ana for the door at quay.example in town.\n", "Kudos to @ana for the door"),
        ("Q\n1 March 2026\n\nThe ferry sails from the first of May, after a\nwinter.\n\nhttps://example.org/" + "a/" * 60 + "\n", "after a\nwinter."),
        (f"Q\n1 March 2026\n\n{WRAPPED}\n\n{'long ' * 40}\n\n{WRAPPED}\n\nRoses are red,\nviolets are blue.\n", f"{WRAPPED}\n\nlong"),
        (f"Q\n1 March 2026\n\n{WRAPPED}\n\n{'long ' * 40}\n\n{WRAPPED}\n\nRoses are red,\nviolets are blue.\n", "red,\\\nviolets"),
        ("Q\n1 March 2026\n\nFares:\n\n+------+\n| Quay |\n+------+\n", "```\n+------+\n| Quay |\n+------+\n```"),
        ("Q\n1 March 2026\n\nx\n\nCopyright law changed this year, says Mara.\n", "x\n\nCopyright law changed"),
        ("Q\n1 March 2026\n\nx\n\nThe sign © is on every page of the new book by Mara, who drew it.\n", "x\n\nThe sign ©"),
    ],
)  # fmt: skip
def test_the_layout_of_a_text_stays(content, kept):
    issue = read(content)
    assert kept in issue.text
    assert not [key for key in ("editor:", "social:", "copyright:") if key in issue.text]


def test_the_text_after_a_picture_is_its_caption_only_if_the_page_says_so():
    picture = '<img src="https://example.org/DSC_42.jpg">'
    issue = page(f"<p>{picture}</p><p>Dear readers.</p>")
    assert "caption" not in issue.text and "alt: ''" in issue.text and "\n\nDear readers." in issue.text
    issue = page(f"<figure>{picture}<figcaption>The quay</figcaption></figure><p>Dear readers.</p>")
    assert "caption: The quay" in issue.text
    issue = page(f"<p>{picture}</p><p>The quay. (Photo: Ines)</p><p>Dear readers.</p>")
    assert "credit: 'Photo: Ines'" in issue.text


def test_the_title_of_a_page_without_a_headline_is_the_headline():
    issue = page("<p>With the quay under new ownership, it is a great time.</p>", title="")
    assert "title: The quay is open\n" in issue.text and "\n\nWith the quay under" in issue.text


def word_file():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("word/document.xml", "<w:t>The quay</w:t>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("x.docx", word_file(), "x.docx is a Word document"),
        ("x.txt", word_file(), "x.txt is a ZIP archive"),
        ("x.pdf", b"%PDF-1.4\n%\xe2\xe3", "x.pdf is a PDF"),
        ("x.html", b"%PDF-1.4\n", "x.html is a PDF"),
        ("x.doc", b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old Word document"),
        ("x.rtf", b"{\\rtf1 The quay}", "is an RTF document"),
        ("x.txt", bytes(range(256)) * 8 + b"\0" * 40, "is not a text"),
        ("x.md", b"# The quay\n", "x.md is Markdown already"),
        ("x.txt", b"---\ntitle: The quay\ndate: 2026-11-22\n---\n\nx\n", "x.txt is Markdown already"),
        ("x.mbox", b"From a@x.org Mon Oct 6 12:00:00 1999\nSubject: a\nDate: x\n\na\n\nFrom a@x.org Mon Oct 6 12:00:00 1999\nSubject: b\n\nb\n", "2 messages"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_refused_by_its_name_and_nothing_is_written(tmp_path, name, data, kind):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=kind):
        import_file(tmp_path / name, tmp_path / "new", today=TODAY, language="en")
    assert not (tmp_path / "new").exists()


def test_folders_below_are_read_and_documents_are_named(tmp_path):
    (tmp_path / "1999").mkdir()
    for name in ("1999/a.txt", "b.html", "c.docx", "d.md"):
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff")
    assert [str(path.relative_to(tmp_path)) for path in importable_files(tmp_path)] == [
        "1999/a.txt",
        "b.html",
        "c.docx",
        "d.md",
    ]


def test_a_second_file_of_one_title_gets_a_number(tmp_path):
    made = []
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"Letter\n1 May 1999\n\n{name}\n", "utf-8")
        made.append(import_file(tmp_path / name, tmp_path / "new", today=TODAY, language="en", taken=made).dispatch)
    assert [path.name for path in made] == ["1999-05-01-letter.md", "1999-05-01-letter-2.md"]
    with pytest.raises(UsageError, match="exists already"):
        import_file(tmp_path / "a.txt", tmp_path / "new", today=TODAY, language="en")


def test_all_texts_of_a_message_are_read_and_attachments_are_named():
    made = EmailMessage()
    made["Subject"], made["Date"] = "The quay", "Wed, 12 Oct 2022 09:00:00 +0200"
    made.set_content("First part.")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="plan.pdf")
    made.add_attachment("Last part.", disposition="inline")
    issue = read(made.as_bytes(), "old.eml")
    assert "First part." in issue.text and "Last part." in issue.text
    assert "the attachment “plan.pdf” was left out" in doubts(issue)


def test_the_link_of_a_line_that_is_left_out_is_not_named_again():
    assert "x.example" not in doubts(page('<p><a href="https://x.example/u">Unsubscribe</a></p><p>x</p>'))


def test_the_line_with_the_date_of_the_issue_is_no_source_of_an_article():
    issue = page("<p>Issue #12 · Friday, 8 November 2026</p><h2>Hello</h2><p>x</p>", title="<h1>The quay</h1>")
    assert "source:" not in issue.text and "Issue #12 · Friday, 8 November 2026" in issue.text
    assert "date: 2026-11-08" in issue.text


def test_a_film_or_a_map_of_a_page_is_named():
    issue = page('<video src="https://x.example/v.mp4"></video><map><area href="https://x.example/m"></map><p>x</p>')
    assert "the link to https://x.example/v.mp4 was left out" in doubts(issue)
    assert "the link to https://x.example/m was left out" in doubts(issue)
