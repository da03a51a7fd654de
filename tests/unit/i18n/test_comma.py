import pytest

from mailer.i18n.comma import comma


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ", "),
        ("he", ", "),
        ("ar", "، "),
        ("ar-EG", "، "),
        ("fa", "، "),
        ("ur", "، "),
        ("ar-Latn", ", "),
        ("ja", "、"),
        ("zh-Hant", "，"),
        ("ko", ", "),
    ],
)
def test_the_comma_is_that_of_the_script(language, expected):
    assert comma(language) == expected
