from mailer.importers import loss_check
from mailer.importers.loss_check import ImportSource, find_losses
from tests.support.normalisation import count_normalised


def test_of_a_long_word_only_the_beginning_is_read(monkeypatch):
    """Normalising takes quadratic time on combining marks, and nothing else runs meanwhile."""
    read = count_normalised(monkeypatch, loss_check)
    line = "The tide" + "\u0345" * 2000
    (lost,) = find_losses(ImportSource(paragraphs=[], lines=[(1, line)]), "", ())
    assert lost.line == 1
    assert max(read) <= 1000
