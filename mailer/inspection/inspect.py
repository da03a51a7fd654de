"""The inspection of a letter before it leaves: every rule that needs no network, over one proof.

Each entry of the table is a function of a Proof that yields Findings; they know nothing of each other, and their order
does not matter. online.py has the one that asks the network.
"""

from collections.abc import Callable, Iterator

from mailer.dispatch.problem import Problem
from mailer.inspection import clients, contrast, links, message, structure, weight, words
from mailer.inspection.finding import Finding, as_problems
from mailer.inspection.proof import Proof

Inspector = Callable[[Proof], Iterator[Finding]]

INSPECTORS: tuple[Inspector, ...] = (
    words.placeholders,
    words.merge_tags,
    words.empty_fields,
    words.subject_and_preheader,
    words.copyright_year,
    words.photo_credit,
    words.article_dates,
    words.source_links,
    words.source_spelling,
    words.missing_languages,
    words.alt_words,
    links.links,
    links.unsent,
    weight.html_size,
    weight.style_blocks,
    weight.image_sizes,
    structure.images,
    structure.headings,
    structure.tables,
    structure.languages,
    structure.anchors,
    structure.way_out,
    structure.postal_address,
    contrast.poor_contrast,
    clients.lost_features,
    clients.image_formats,
    message.message,
    message.plaintext,
)


def inspect(proof: Proof) -> tuple[Problem, ...]:
    """What is wrong with a letter, in the order of its dispatch."""
    return as_problems(proof.dispatch.path, (found for inspector in INSPECTORS for found in inspector(proof)))
