import pytest

from mailer.addresses import parse_address
from mailer.service.subscribers.mistyped_domain import suggest_address


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ana@gmial.com", "ana@gmail.com"),
        ("ana@gmail.con", "ana@gmail.com"),
        ("ana@GMAIL.co", "ana@gmail.com"),
        ("ana@yahooo.com", "ana@yahoo.com"),
        ("ana@harbour.con", "ana@harbour.com"),
        ("ana@gmx.ed", "ana@gmx.de"),
        *(
            (f"ana@{right}", "")
            for right in ("gmail.com", "mail.com", "live.ie", "outlook.com.br", "gmx.at", "email.de")
        ),
        *((f"ana@{other}", "") for other in ("example.org", "xn--bcher-kva.example", "harbour.comm.example")),
    ],
)
def test_a_domain_that_was_probably_meant_is_suggested(typed, meant):
    assert suggest_address(parse_address(typed)) == meant
