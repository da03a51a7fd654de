"""The inspection of a letter before it leaves: every rule that needs no network, over one proof.

Each entry of the table is a function of a Proof that yields Findings; they know nothing of each other, and their order
does not matter. online.py has the one that asks the network.
"""

from collections.abc import Callable, Iterator

from mailer.dispatch.diagnostics import Diagnostic
from mailer.lint.checks import accessibility, client_support, compliance, content, contrast, links, message, size
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding, as_problems

Check = Callable[[LintContext], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    content.placeholders,
    content.merge_tags,
    content.empty_fields,
    content.subject_and_preheader,
    content.copyright_year,
    content.photo_credit,
    content.article_dates,
    content.source_links,
    content.source_spelling,
    content.missing_languages,
    content.alt_words,
    links.links,
    links.unsent,
    size.html_size,
    size.style_blocks,
    size.image_sizes,
    accessibility.images,
    accessibility.headings,
    accessibility.tables,
    accessibility.languages,
    accessibility.anchors,
    compliance.unsubscribe_link,
    compliance.postal_address,
    contrast.poor_contrast,
    client_support.lost_features,
    client_support.image_formats,
    message.message,
    message.plaintext,
)


def run_checks(context: LintContext) -> tuple[Diagnostic, ...]:
    """What is wrong with a letter, in the order of its dispatch."""
    return as_problems(context.dispatch.path, (found for check in CHECKS for found in check(context)))
