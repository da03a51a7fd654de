"""CPU time of compiling an edition and composing its messages.

    compose    a message for one reader: spliced into what was encoded ahead, against built with `email`
    compile    a dispatch into an edition, against premailer alone on the same HTML
    variants   sixteen variants of an edition compiled and made, against one

Each comparison is interleaved pairs in one process, the two sides taking turns in going first; the results are medians.
Nothing is sent; no network or disk access is timed.
"""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from itertools import product
from unittest.mock import patch

from benchmarks.machine import ROOT
from mailer.delivery.queue_port import Claim
from mailer.dispatch.parse import parse_dispatch
from mailer.edition.compile import compile_edition
from mailer.edition.dispatch_view import image_files
from mailer.edition.html import page
from mailer.edition.html.css_inliner import inline_styles
from mailer.edition.images.loader import load_image
from mailer.edition.merge_fields import ReaderValues, fill
from mailer.edition.model import Edition, Image
from mailer.edition.publication import DispatchReference, Publication
from mailer.edition.template_loader import builtin_dir
from mailer.link_tokens import Purpose, TokenKeys
from mailer.mime.composer import Composer, MessageTokens, SenderProfile, format_date, inspect

EXAMPLE = ROOT / "dispatches" / "2026-10-26-east-quay.md"
PUBLICATION = Publication(
    name="The Harbour SampleMessage",
    from_name="The Harbour SampleMessage",
    from_address="letter@example.org",
    base_url="https://letter.example.org",
    postal_address="The Harbour SampleMessage, 1 Quay Street, Porto Novo",
)
REFERENCES = {
    slug: DispatchReference(title=slug, url=PUBLICATION.archive_url(slug))
    for slug in ("2025-12-18-eleven-winters", "2026-03-02-crane")
}
SENDER_PROFILE = SenderProfile(
    sender_name="The Harbour SampleMessage",
    sender_address="letter@example.org",
    publication="The Harbour SampleMessage",
    base_url="https://letter.example.org",
    bounce_address="bounces@example.org",
)
KEYS = TokenKeys(["a key for the benchmark that opens nothing"])
FIELDS = {"first_name": "Siobhán", "city": "Porto Novo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuComparison:
    """One line of the table: medians of CPU seconds for one run of each side."""

    what: str
    side: str
    seconds: float
    against: str
    against_seconds: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.against_seconds


def compare_cpu(
    what: str,
    sides: tuple[tuple[str, int, Callable[[], object]], tuple[str, int, Callable[[], object]]],
    pairs: int,
) -> CpuComparison:
    """Interleaved pairs of two sides, each a name, how often it runs in one measurement, and what runs."""
    times: tuple[list[float], list[float]] = ([], [])
    for _, _, run in sides:
        run()  # what is made on first use is made
    for number in range(pairs):
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            _, often, run = sides[index]
            times[index].append(_timed(run, often))
    (side, _, _), (against, _, _) = sides
    return CpuComparison(
        what=what,
        side=side,
        seconds=statistics.median(times[0]),
        against=against,
        against_seconds=statistics.median(times[1]),
    )


def _timed(run: Callable[[], object], often: int) -> float:
    gc.collect()
    start = time.process_time()
    for _ in range(often):
        run()
    return (time.process_time() - start) / often


def compile_text(text: str) -> Edition:
    """The edition of the dispatch `text`, as if it stood beside the example."""
    dispatch = parse_dispatch(text, str(EXAMPLE)).dispatch
    assert dispatch is not None, "the example has errors"
    return compile_edition(
        dispatch, publication=PUBLICATION, templates=[builtin_dir()], references=REFERENCES, images=_images()
    )


def read_example(times: int = 1) -> str:
    """The text of the largest example, its articles `times` over."""
    head, _, articles = EXAMPLE.read_text(encoding="utf-8").partition("\n## ")
    return head + "\n" + f"\n## {articles}\n" * times


@cache
def _images() -> dict[str, Image]:
    dispatch = parse_dispatch(read_example(), str(EXAMPLE)).dispatch
    assert dispatch is not None, "the example has errors"
    return {name: load_image(EXAMPLE.parent / name, root=ROOT) for name in image_files(dispatch)}


def compare_composing(edition: Edition, pairs: int) -> CpuComparison:
    """One message: by our Composer, and by the standard library from the same filled texts."""

    def mark(number: int) -> MessageTokens:
        return MessageTokens(
            unsubscribe=KEYS.issue(Purpose.UNSUBSCRIBE, number),
            bounce=KEYS.issue(Purpose.BOUNCE, number),
            message=KEYS.issue(Purpose.MESSAGE_ID, number),
        )

    claim = Claim(
        delivery_id=7, identity="reader", address="reader@example.com", fields=FIELDS, attempt=1, date=1_790_000_000
    )
    composer = Composer(edition, SENDER_PROFILE, mark)

    def spliced() -> bytes:
        return composer.compose(claim).text

    def built() -> bytes:
        return build(edition, claim, mark(claim.delivery_id))

    inspect(composer.compose(claim))
    size = f"{len(spliced()) / 1000:,.0f} KB"
    return compare_cpu(f"compose, {size}", (("splice", 200, spliced), ("email", 5, built)), pairs)


def build(edition: Edition, claim: Claim, marks: MessageTokens) -> bytes:
    """The same message by `email`: the same headers, the same two parts."""
    values = ReaderValues(fields=claim.fields, address=claim.address, token=marks.unsubscribe)
    variant = edition.variant(edition.key_for(values))
    message = EmailMessage(policy=SMTP)
    message["From"] = f"{SENDER_PROFILE.sender_name} <{SENDER_PROFILE.sender_address}>"
    message["To"] = claim.address
    message["Subject"] = fill(variant.subject, values)
    message["Date"] = format_date(claim.date)
    message["Message-ID"] = f"<{marks.message}@{SENDER_PROFILE.domain}>"
    message["List-Id"] = f"{SENDER_PROFILE.publication} <newsletter.letter.example.org>"
    message["List-Unsubscribe"] = f"<{SENDER_PROFILE.base_url}/u/{marks.unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["List-Help"] = f"<mailto:{SENDER_PROFILE.sender_address}?subject=help>"
    message["List-Archive"] = f"<{SENDER_PROFILE.base_url}/archive/>"
    message["Feedback-ID"] = f"{edition.slug}:letter.example.org:newsletter:example.org"
    message["Content-Language"] = edition.language
    message.set_content(fill(variant.text, values))
    message.add_alternative(fill(variant.html, values), subtype="html")
    return message.as_bytes()


def compile_against_premailer(text: str, name: str, pairs: int) -> CpuComparison:
    """Everything from the text of a dispatch to its edition, against the one call of premailer in it."""
    given: list[str] = []

    def remember(html: str) -> str:
        given.append(html)
        return inline_styles(html)

    with patch.object(page, "inline_styles", remember):
        compile_text(text)
    return compare_cpu(
        f"compile, {name}",
        (("whole", 1, lambda: compile_text(text)), ("premailer", 1, lambda: inline_styles(given[0]))),
        pairs,
    )


def compare_variants(pairs: int) -> CpuComparison:
    """Sixteen variants against one, compiled and made."""
    plain = read_example(5)
    names = ("a", "b", "c", "d")
    paragraphs = "".join(f'\n{{% if reader.{name} == "x" %}}\nOnly for {name}.\n{{% endif %}}\n' for name in names)
    head, mark, articles = plain.partition("\n## ")
    many = head + "\n" + paragraphs + mark + articles
    combinations = [dict(zip(names, values, strict=True)) for values in product("xy", repeat=len(names))]

    def make(text: str, readers: list[dict[str, str]]) -> int:
        edition = compile_text(text)
        keys = {edition.key_for(ReaderValues(fields=fields, address="a@example.com", token="")) for fields in readers}
        for key in keys:
            edition.variant(key)
        return len(keys)

    assert make(many, combinations) == 16
    return compare_cpu(
        "16 variants, x 5",
        (("16", 1, lambda: make(many, combinations)), ("1", 1, lambda: make(plain, combinations[:1]))),
        pairs,
    )


def measure_composition(pairs: int, log: Callable[[str], None]) -> list[CpuComparison]:
    """Runs all comparisons."""
    log("composition")
    return [
        compare_composing(compile_text(read_example()), pairs),
        compare_composing(compile_text(read_example(5)), pairs),
        compile_against_premailer(read_example(), "one example", pairs),
        compile_against_premailer(read_example(5), "articles x 5", pairs),
        compare_variants(pairs),
    ]
