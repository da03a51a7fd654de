"""Checks legal requirements, and those of large receivers: the unsubscribe link and the postal address."""

from collections.abc import Iterator

from mailer.line_sanitizer import clean_line
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding


def unsubscribe_link(context: LintContext) -> Iterator[Finding]:
    """Checks for a link to unsubscribe."""
    for page, text in zip(context.pages, context.texts, strict=True):
        has_link = any(link.href.startswith(context.unsubscribe_url) for link in page.links)
        for name, present in (("HTML", has_link), ("plaintext", context.unsubscribe_url in text)):
            if not present:
                message = f"the {name} has no unsubscribe link"
                yield Finding(
                    rule="unsubscribe-missing",
                    message=message,
                    expected=f"the template must contain {context.unsubscribe_url}…",
                )


def postal_address(context: LintContext) -> Iterator[Finding]:
    """Checks for the postal address; a missing setting is reported only once the workspace is set up for real mail."""
    if not context.postal_address:
        if context.is_set_up:
            message = "there is no postal address in the message"
            yield Finding(
                rule="postal-address", message=message, expected="ask the person who runs the server to set it"
            )
        return
    wanted = [" ".join(clean_line(line).split()) for line in context.postal_address.splitlines() if line.strip()]
    for page, text in zip(context.pages, context.texts, strict=True):
        for name, content in (("HTML", page.text), ("plaintext", " ".join(text.split()))):
            if any(line not in content for line in wanted):
                yield Finding(
                    rule="postal-address",
                    message=f"the {name} does not contain the whole postal address",
                    expected="put {{ postal_address }} into the template",
                )
