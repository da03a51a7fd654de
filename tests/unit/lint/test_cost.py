"""What checks may cost: what is the same for many elements or lines is computed once. `python -m benchmarks.check` measures."""

from mailer.lint import source_index
from mailer.lint.checks import contrast
from mailer.lint.run import run_checks
from tests.support.lint_contexts import dispatch_text, lint_context

PARAGRAPH = "Some words with *emphasis* and a [link](https://example.org/{}).\n\n"


def counted(monkeypatch, module, name):
    calls, function = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *given: calls.append(given) or function(*given))
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
    reads = counted(monkeypatch, source_index, "map_lines")
    run_checks(lint_context(dispatch_text("".join(map(PARAGRAPH.format, range(5))))))
    assert len(reads) == 1
