import unicodedata

from mailer.importers import losses
from mailer.importers.losses import ImportSource, find_losses


def test_of_a_long_word_only_the_beginning_is_read(monkeypatch):
    """Normalising takes quadratic time on combining marks, and nothing else runs meanwhile."""
    read = []

    class Data:
        @staticmethod
        def normalize(form, text):
            read.append(len(text))
            return unicodedata.normalize(form, text)

    monkeypatch.setattr(losses, "unicodedata", Data)
    line = "The tide" + "\u0345" * 2000
    (lost,) = find_losses(ImportSource(paragraphs=[], lines=[(1, line)]), "", ())
    assert lost.line == 1
    assert max(read) <= 1000
