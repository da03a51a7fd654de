import pytest

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.markdown.parser import read_markdown
from mailer.dispatch.markdown.placeholder_resolution import resolve
from mailer.dispatch.markdown.smart_punctuation import QUOTES, punctuate_template, punctuate_text, quotes_of
from mailer.dispatch.markdown.token_walk import plain_text
from mailer.dispatch.source_text import SourceText
from mailer.dispatch.template.placeholders import LineMap, MaskedBody


def punctuated(text: str, language: str = "en") -> str:
    findings = DiagnosticCollector("a.md")
    body = MaskedBody(SourceText(text), 0, LineMap())
    tokens = read_markdown(body, language, findings)
    resolve(tokens, body, findings)
    return " ".join(plain_text(token.children) for token in tokens if token.type == "inline")


@pytest.mark.parametrize(
    ("typed", "set_"),
    [
        ('"a"', "“a”"),
        ("'a'", "‘a’"),
        ("\"he said 'no'\"", "“he said ‘no’”"),
        ("don't", "don’t"),
        ("the dogs' bowls", "the dogs’ bowls"),
        ("'tis the '90s", "’tis the ’90s"),
        ('*"a"* and "*b*"', "“a” and “b”"),
        ('("a")', "(“a”)"),
        ("5'10\" tall", '5’10" tall'),
        ('"a', '"a'),
        ('"{{ reader.a }}"', "“”"),
        ("{{ reader.a }}'s", "’s"),
        ('`"a"` "b"', '"a" “b”'),
        ('\\"a\\"', '"a"'),
        ('"a\nb"', "“a b”"),
        ("a -- b --- c ... ", "a – b — c …"),
        ("---- ....", "---- ...."),
        ("<https://example.org/a--b'c>", "https://example.org/a--b'c"),
        ("«a» “b”", "«a» “b”"),
        ("(c) +-", "(c) +-"),
    ],
)
def test_english_punctuation(typed, set_):
    assert punctuated(typed) == set_


@pytest.mark.parametrize(
    ("language", "set_"),
    [
        ("en", "“a ‘b’”"),
        ("en-GB", "“a ‘b’”"),
        ("de", "„a ‚b‘“"),
        ("de-CH", "«a ‹b›»"),
        ("fr", "«\u00a0a “b”\u00a0»"),
        ("es", "«a “b”»"),
        ("pt", "«a “b”»"),
        ("pt-BR", "“a ‘b’”"),
        ("it", "«a “b”»"),
        ("nl", "“a ‘b’”"),
        ("sv", "”a ’b’”"),
        ("da", "»a ›b‹«"),
        ("nb", "«a ‘b’»"),
        ("fi", "”a ’b’”"),
        ("pl", "„a «b»”"),
        ("cs", "„a ‚b‘“"),
        ("ru", "«a „b“»"),
        ("uk", "«a „b“»"),
        ("he", "”a ’b’”"),
        ("ar", "“a ‘b’”"),
        ("tlh", "“a ‘b’”"),
    ],
)
def test_quotation_marks_follow_the_language(language, set_):
    assert punctuated("\"a 'b'\"", language) == set_


def test_an_article_has_the_quotation_marks_of_its_own_language():
    text = '"a"\n\n## "b"\nsource: S\nlanguage: fr\n\n"c"\n\n## "d"\nsource: S\n\n"e"'
    assert punctuated(text, "de") == "„a“ «\u00a0b\u00a0» «\u00a0c\u00a0» „d“ „e“"


def test_every_language_of_the_table_has_four_marks():
    assert all(len(quotes_of(language)) == 4 and all(quotes_of(language)) for language in QUOTES)


def test_a_paragraph_of_only_quotes_is_processed_quickly():
    assert len(punctuated("'\"" * 4_900)) == 9_800


@pytest.mark.parametrize(
    ("typed", "language", "expected"),
    [
        ('The "old" quay\'s opening -- again', "en", "The “old” quay’s opening – again"),
        ('Kai "Zeitung" -- Nord', "de", "Kai „Zeitung“ – Nord"),
        ("Mara's shop...", "fr", "Mara’s shop…"),
        ("", "en", ""),
        ("“already” set", "en", "“already” set"),
    ],
)
def test_a_text_that_is_not_markdown_gets_the_same_punctuation(typed, language, expected):
    assert punctuate_text(typed, language) == expected


def test_a_merge_field_in_a_template_counts_as_a_letter():
    assert punctuate_template(('For "', 1, "\"'s friends"), "en") == ("For “", 1, "”’s friends")
