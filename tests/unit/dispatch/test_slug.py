import mailer.dispatch.slug as slugs
from mailer.dispatch.slug import slugify
from tests.support.normalisation import count_normalised


def test_of_a_long_title_only_the_beginning_is_read(monkeypatch):
    """Normalising takes quadratic time on combining marks, and nothing else runs meanwhile."""
    read = count_normalised(monkeypatch, slugs)
    assert slugify("The tide" + "\u0345" * 2000) == "the-tide"
    assert max(read) <= 1000
