"""The address that is proposed for an incomplete link."""

import pytest

from mailer.dispatch.url_validation import WEB, check_link


@pytest.mark.parametrize(
    ("url", "proposed"),
    [
        ("www.example.org", "https://www.example.org"),
        ("example.org/a/page", "https://example.org/a/page"),
        ("times.example.co.uk", "https://times.example.co.uk"),
        ("//example.org", "https://example.org"),
        ("about.html", "https://example.org/about.html"),
        ("photos/quay.jpg", "https://example.org/photos/quay.jpg"),
        ("/a/page", "https://example.org/a/page"),
    ],
)
def test_the_proposal_for_an_incomplete_link_keeps_its_host(url, proposed):
    found = check_link(url)
    assert found is not None
    assert found.expected == f"write it in full, such as {proposed}"


@pytest.mark.parametrize("url", ["the-crane", "/2026-03-02-crane"])
def test_a_link_that_may_be_meant_for_a_dispatch_mentions_how_to_link_to_one(url):
    slug = url.lstrip("/")
    found = check_link(url)
    assert found is not None
    assert found.expected.startswith(f"write [[{slug}]] if it is a dispatch, else the address in full")


def test_outside_the_text_a_link_to_a_dispatch_is_not_proposed():
    found = check_link("the-crane", WEB)
    assert found is not None
    assert found.expected == "write it in full, such as https://example.org/the-crane"
