"""Runs all checks that need no network.

Each check is a function of a LintContext that yields Findings; checks are independent, and their order
does not matter. link_checker.py has the one that uses the network.
"""

from collections.abc import Callable, Iterator

from mailer.dispatch.diagnostics import Diagnostic
from mailer.lint.checks import accessibility, client_support, compliance, content, contrast, links, message, size
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding, to_diagnostics

Check = Callable[[LintContext], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    content.unfinished,
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
    size.image_changes,
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


def run_checks(context: LintContext, *, go_on: Callable[[], None] = lambda: None) -> tuple[Diagnostic, ...]:
    """Returns the diagnostics of all checks, in the order of the dispatch.

    `go_on` is called before each check; what it raises ends them.
    """
    return to_diagnostics(context.dispatch.path, _findings(context, go_on))


def _findings(context: LintContext, go_on: Callable[[], None]) -> Iterator[Finding]:
    for check in CHECKS:
        go_on()
        yield from check(context)
