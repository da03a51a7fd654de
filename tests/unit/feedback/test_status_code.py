"""Codes in the words of servers."""

import pytest

from mailer.feedback.status_code import find_reply_code, find_status, specificity


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("550 5.1.1 no such user", "5.1.1", 550),
        ("550-5.7.1 see 550 5.7.1", "5.7.1", 550),
        ("#5.1.1 (in brackets: 5.0.0)", "5.1.1", 0),
        ("5.0.0 then 5.2.0 then 5.2.2 then 5.1.1", "5.2.2", 0),
        ("ERROR_CODE :421, ERROR_CODE :", "", 421),
        ("said: 450 later", "", 450),
        ("192.0.2.5 and 5.1.1.7 and version 4.5.6-1", "", 0),
        ("at 12:450 in 2550 or #550 or 550/1", "", 0),
        ("2.1.5 ok", "", 0),
        ("", "", 0),
    ],
)
def test_the_most_specific_code_and_the_first_reply(words, status, code):
    assert (find_status(words), find_reply_code(words)) == (status, code)


def test_a_code_tells_its_class_its_subject_or_its_detail():
    assert [specificity(code) for code in ("", "5.0.0", "5.0.1", "5.1.0", "5.1.1", "5.7.509")] == [0, 0, 0, 1, 2, 2]
