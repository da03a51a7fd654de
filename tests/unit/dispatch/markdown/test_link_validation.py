"""The address that is proposed for an incomplete link."""

import pytest

from mailer.dispatch.markdown.link_validation import check_link


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
        ("page", "https://example.org/page"),
    ],
)
def test_the_proposal_for_an_incomplete_link_keeps_its_host(url, proposed):
    found = check_link(url)
    assert found is not None
    assert found.expected == f"write it in full, such as {proposed}"
