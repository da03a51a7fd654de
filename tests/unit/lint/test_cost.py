"""What checks may cost: what is the same for many elements or lines is computed once. `python -m benchmarks.check` measures."""

import itertools

from mailer.lint import source_positions
from mailer.lint.checks import content, contrast
from mailer.lint.run import run_checks
from tests.support.lint_contexts import dispatch_text, lint_context

PARAGRAPH = "Some words with *emphasis* and a [link](https://example.org/{}).\n\n"


def counted(monkeypatch, module, name):
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given, **options: calls.append(given) or function(*given, **options))
    return calls


def test_the_contrast_of_equal_texts_is_computed_once(monkeypatch):
    ratios = counted(monkeypatch, contrast, "contrast_ratio")
    amounts = []
    for count in (5, 100):
        ratios.clear()
        list(contrast.poor_contrast(lint_context(dispatch_text("".join(map(PARAGRAPH.format, range(count)))))))
        amounts.append(len(ratios))
    assert amounts[0] == amounts[1] > 0


def test_the_lines_of_a_text_are_read_once_for_all_checks(monkeypatch):
    reads = counted(monkeypatch, source_positions, "map_lines")
    run_checks(lint_context(dispatch_text("".join(map(PARAGRAPH.format, range(5))))))
    assert len(reads) == 1


def test_names_of_sources_are_compared_a_limited_number_of_times(monkeypatch):
    monkeypatch.setattr(content, "COMPARISONS", 100)
    pairs = counted(monkeypatch, content, "SequenceMatcher")
    names = ["".join(letters) for letters in itertools.islice(itertools.permutations("abcdefgh"), 60)]
    articles = [f"## Title\nsource: {name}\ndate: 2026-11-01\n\nText.\n\n" for name in names]
    list(content.source_spelling(lint_context(dispatch_text("".join(articles)))))
    assert 50 < len(pairs) <= 100


def test_numbers_tell_sources_apart_without_a_comparison(monkeypatch):
    pairs = counted(monkeypatch, content, "SequenceMatcher")
    articles = [f"## Title\nsource: Post {number}\ndate: 2026-11-01\n\nText.\n\n" for number in range(60)]
    assert list(content.source_spelling(lint_context(dispatch_text("".join(articles))))) == []
    assert pairs == []
