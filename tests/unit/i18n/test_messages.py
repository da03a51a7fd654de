import datetime as dt

import pytest

from mailer.i18n.bidi import text_direction
from mailer.i18n.date_format import long_date
from mailer.i18n.translations import gettext

DAY = dt.date(2026, 10, 26)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", "26 October 2026"),
        ("en-US", "October 26, 2026"),
        ("de", "26. Oktober 2026"),
        ("de-AT", "26. Oktober 2026"),
        ("fr", "26 octobre 2026"),
        ("es", "26 de octubre de 2026"),
        ("pt", "26 de outubro de 2026"),
        ("he", "26 באוקטובר 2026"),
        ("ar", "26 أكتوبر 2026"),
        ("xx", "26 October 2026"),
        ("not a language!", "26 October 2026"),
        ("", "26 October 2026"),
    ],
)
def test_a_date_is_written_as_its_language_does(language, written):
    assert long_date(DAY, language) == written


@pytest.mark.parametrize(
    ("language", "reads"),
    [
        ("en", "ltr"),
        ("he", "rtl"),
        ("ar-EG", "rtl"),
        ("fa", "rtl"),
        ("az-Arab", "rtl"),
        ("ar-Latn", "ltr"),
        ("iw", "rtl"),
        ("", "ltr"),
    ],
)
def test_a_language_has_a_direction(language, reads):
    assert text_direction(language) == reads


def test_what_is_not_translated_stays_english():
    assert gettext("xx", "Note by %(name)s", name="Mara") == "Note by Mara"
    assert gettext("de", "No such sentence") == "No such sentence"
    assert gettext("de-AT", "Note by %(name)s", name="Mara") == "Editorial von Mara"
    assert gettext("iw", "In this issue") == gettext("he", "In this issue")
