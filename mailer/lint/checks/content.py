"""Checks the text: leftover placeholders and sample text, empty merge fields, shouting, dates, sources, credits, alt texts.

Words are searched in the text for readers, never in code, template parts or
addresses; a word of the dispatch's own language, such as the Spanish “todo”, is not taken for a placeholder.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache

from babel.core import get_global
from markdown_it.token import Token

from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.markdown.token_walk import plain_text
from mailer.dispatch.model import (
    Article,
    Block,
    Choice,
    Dispatch,
    Markdown,
    Template,
    inline_tokens,
    walk_articles,
    walk_blocks,
)
from mailer.dispatch.template.expression import Expression
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding
from mailer.lint.source_positions import SourceIndex

LONGEST_SUBJECT = 78
LONGEST_PREHEADER = 140
LONGEST_ALT = 250
COMPARISONS = 50_000  # pairs of names of sources in one check
ALIKE = 0.9  # of two spellings of a source; “Harbor Times” and “Harbour Times” have 0.96

_PLACEHOLDER = re.compile(
    r"\b(?:TK){2,}\b|\bTKs?\b(?! [A-Z][a-z])|\bTODO\b|\bFIXME\b|\bTBD\b|\bTBC\b|\bX{4,}\b"
    r"|\[\[\]\]|\b[Ll]orem ipsum\b|\bLOREM IPSUM\b|\[(?:insert|INSERT|Insert|your|YOUR|Your) [^\]\n]{1,40}\](?!\()"
)
_SAMPLE = re.compile(  # the sample text of a new dispatch and of the desk's Insert menu, a whole line or value
    r"(?:^|^##[ \t]+|^source:[ \t]*|!\[)"
    r"(?P<text>Write your note here\b|(?:The title of an article|The name of the paper|The text of the article\."
    r"|The text for these readers\.|What it shows)(?=\]|\s*$))"
)
_SAMPLE_LINK = "https://example.org/the-article"
_REQUIRED_SAMPLES = frozenset({"The title of an article", "The name of the paper", "What it shows", _SAMPLE_LINK})
"""Sample text whose deletion leads to the next finding."""
_TODO_IS_A_WORD = frozenset({"es", "pt", "gl", "ca", "eo"})
_MERGE_TAG = re.compile(r"\*\|[A-Z0-9_:]+\|\*|%%[A-Za-z][\w ]*%%|%recipient\.\w+%|\{\$\w+\}|<<[A-Za-z][\w ]*>>")
_PRETENCE = re.compile(r"\s*(?:re|fwd?|aw|wg|rv|tr)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_FILE_NAME = re.compile(r"[\w.-]+\.(?:jpe?g|png|gif|webp|tiff?|heic|bmp|avif|svg)", re.IGNORECASE)
_NO_WORDS = re.compile(
    r"(?:an? |the )?(?:image|photo|picture|pic|img|photograph|bild|foto|imagen?|imagem|illustration)\W*[0-9]*\W*",
    re.IGNORECASE,
)
_AROUND = 24


def unfinished(context: LintContext) -> Iterator[Finding]:
    yield from unfinished_text(context.dispatch, context.source_index)


def unfinished_text(dispatch: Dispatch, source_index: SourceIndex) -> Iterator[Finding]:
    """Reports placeholders and sample text in `dispatch`, which may have errors."""
    language = dispatch.language.partition("-")[0].lower()
    for span in source_index.text_spans():
        for match in _PLACEHOLDER.finditer(span.text):
            if not _is_placeholder(match, language):
                continue
            yield Finding(
                rule="placeholder",
                message=f"“{abbreviate(match[0], 30)}” is a placeholder",
                expected="replace it, or delete it",
                position=span.at(match.start()),
            )
        for match in _SAMPLE.finditer(span.text):
            yield _sample(match["text"], span.at(match.start("text")))
    for article in walk_articles(dispatch.articles):
        if article.link == _SAMPLE_LINK:
            yield _sample(article.link, source_index.article_key(article, "link"))


def _sample(text: str, position: Position) -> Finding:
    return Finding(
        rule="sample-text",
        message=f"“{abbreviate(text, 40)}” is sample text",
        expected="replace it by your own" + ("" if text in _REQUIRED_SAMPLES else ", or delete it"),
        position=position,
    )


def merge_tags(context: LintContext) -> Iterator[Finding]:
    for span in context.source_index.text_spans():
        for match in _MERGE_TAG.finditer(span.text):
            yield Finding(
                rule="merge-tag",
                message=f"“{abbreviate(match[0], 30)}” is not a field of this program and is sent as it is",
                expected="write {{ reader.… }}",
                position=span.at(match.start()),
            )


def has_placeholder(dispatch: Dispatch) -> bool:
    """Whether text that was to be filled in is left in `dispatch`."""
    return any(True for _ in unfinished_text(dispatch, SourceIndex(dispatch)))


def _is_placeholder(match: re.Match[str], language: str) -> bool:
    """Whether `match` is not the word “todo” of the dispatch's own language."""
    return match[0] != "TODO" or language not in _TODO_IS_A_WORD or match.string[match.end() :][:1] == ":"


def empty_fields(context: LintContext) -> Iterator[Finding]:
    dispatch = context.dispatch
    subject = "".join(part if isinstance(part, str) else part.text({}) for part in dispatch.subject)
    if subject.strip():  # else all of it is empty, which is a rule of its own
        yield from _in_template(dispatch.subject, "subject")
    yield from _in_template(dispatch.preheader, "preheader")
    yield from _in_blocks(dispatch.note, ())
    yield from _in_blocks(dispatch.articles, ())
    for tokens in dispatch.footnotes.values():
        yield from _in_tokens(tokens, ())


def _in_template(template: Template, name: str) -> Iterator[Finding]:
    yield from _unguarded_fields(list(template), (), f"the {name}")


Conditions = tuple[tuple[Expression, bool], ...]
"""The conditions around an element, each with its value there."""


def _in_blocks(items: tuple[Block | Article, ...], under: Conditions) -> Iterator[Finding]:
    for item in items:
        match item:
            case Markdown():
                yield from _in_tokens(item.tokens, under)
            case Article():
                yield from _in_blocks(item.body, under)
            case Choice():
                before: Conditions = ()
                for branch in item.branches:
                    here: Conditions = ((branch.condition, True),) if branch.condition else ()
                    yield from _in_blocks(branch.items, (*under, *before, *here))
                    before = (*before, *((condition, False) for condition, _ in here))


def _in_tokens(tokens: tuple[Token, ...], under: Conditions) -> Iterator[Finding]:
    for token in tokens:
        if token.type == "inline":
            pieces = [
                each.meta["expression"] if each.type == "merge_field" else plain_text([each])
                for each in token.children or ()
            ]
            yield from _unguarded_fields(pieces, under, "the sentence")


def _unguarded_fields(pieces: list[str | Expression], under: Conditions, what: str) -> Iterator[Finding]:
    for number, piece in enumerate(pieces):
        if isinstance(piece, str) or piece.text({}).strip() or _is_guarded(piece, under):
            continue
        before = _filled(pieces[:number])[-_AROUND:]
        after = _filled(pieces[number + 1 :])[:_AROUND]
        shown = abbreviate(f"{before}{after}") or "nothing at all"
        yield Finding(
            rule="empty-field",
            message=f"if {_fields(piece)} is empty, {what} is “{shown}”",
            expected=f'add a default: {{{{ {abbreviate(piece.source, 40)} or "…" }}}}',
            position=piece.position,
        )


def _is_guarded(expression: Expression, under: Conditions) -> bool:
    """Whether a reader without these fields never gets this text."""
    return any(condition.fields & expression.fields and condition.holds({}) is not held for condition, held in under)


def _filled(pieces: list[str | Expression]) -> str:
    return "".join(piece if isinstance(piece, str) else piece.text({}) for piece in pieces)


def _fields(expression: Expression) -> str:
    return " and ".join(f"“{name}”" for name in sorted(expression.fields)) or f"“{expression.source}”"


def subject_and_preheader(context: LintContext) -> Iterator[Finding]:
    dispatch, source_index = context.dispatch, context.source_index
    subject, preheader = _plain(dispatch.subject), _plain(dispatch.preheader)
    at = source_index.key("subject" if source_index.has_key("subject") else "title")
    if len(subject) > LONGEST_SUBJECT:
        message = f"the subject has {len(subject)} characters"
        yield Finding(
            rule="subject-length",
            message=message,
            expected=f"use at most {LONGEST_SUBJECT}; inboxes cut the rest",
            position=at,
        )
    if _PRETENCE.match(subject):
        message = f"the subject begins with “{subject.partition(':')[0].strip()}:” but is not a reply"
        yield Finding(rule="subject-pretence", message=message, expected="remove it", position=at)
    for name, text, place in (("subject", subject, at), ("preheader", preheader, source_index.key("preheader"))):
        if how := _is_all_caps(text):
            message = f"the {name} has {how}"
            yield Finding(rule="subject-shouting", message=message, expected="write it as a sentence", position=place)
    if len(preheader) > LONGEST_PREHEADER:
        yield Finding(
            rule="preheader-length",
            message=f"the preheader has {len(preheader)} characters",
            expected=f"use at most {LONGEST_PREHEADER}; inboxes cut the rest",
            position=source_index.key("preheader"),
        )
    if preheader and _letters(preheader) in {_letters(subject), _letters(dispatch.title)}:
        yield Finding(
            rule="preheader-repeats",
            message="the preheader repeats the subject",
            expected="mention something else that is in the dispatch",
            position=source_index.key("preheader"),
        )


def _plain(template: Template) -> str:
    return " ".join("".join(part if isinstance(part, str) else part.text({}) for part in template).split())


def _is_all_caps(text: str) -> str:
    """Returns how `text` shouts; "" when it does not. Abbreviations among words are not shouting."""
    if "¡¡" in text or text.count("!") + text.count("！") > 1:
        return "more than one exclamation mark"
    cased = [letter for letter in text if letter.isupper() or letter.islower()]
    capitals = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 3 and word.isupper()]
    if len(capitals) > 1 and sum(letter.isupper() for letter in cased) > 0.7 * len(cased):
        return "only capital letters"
    return ""


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def copyright_year(context: LintContext) -> Iterator[Finding]:
    years = [int(year) for year in _YEAR.findall(context.dispatch.copyright)]
    year = context.dispatch.date.year
    if years and max(years) < year:
        yield Finding(
            rule="copyright-year",
            message=f"the copyright line says {max(years)}, but the dispatch is from {year}",
            expected=f"write {year}",
            position=context.source_index.key("copyright"),
        )


def photo_credit(context: LintContext) -> Iterator[Finding]:
    photo = context.dispatch.photo
    if photo and not photo.credit.strip():
        yield Finding(
            rule="photo-credit",
            message="the photo has no credit",
            expected="add credit: … under photo:",
            position=context.source_index.key("photo"),
        )


def article_dates(context: LintContext) -> Iterator[Finding]:
    for article in context.articles:
        if article.date > context.dispatch.date:
            yield Finding(
                rule="date-after",
                message=f"“{abbreviate(article.title_text, 40)}” is dated {article.date}, the dispatch {context.dispatch.date}",
                expected="correct one of the two dates",
                position=context.source_index.article_key(article, "date"),
            )


def source_links(context: LintContext) -> Iterator[Finding]:
    editor = context.dispatch.editor
    own = {_normalized(each) for each in (context.publication_name, editor.name if editor else "") if each}
    for article in context.articles:
        if not article.link and _normalized(article.source) not in own:
            yield Finding(
                rule="source-link",
                message=f"“{abbreviate(article.title_text, 40)}” does not link to its source, {article.source}",
                expected="add link: https://… under its title; an article of your own needs none",
                position=article.position,
            )


def source_spelling(context: LintContext) -> Iterator[Finding]:
    """Reports a source that an earlier dispatch, or an earlier article, spells differently."""
    known = {name.translate(_TYPED): slug for name, slug in context.sources.items()}
    spellings = _Spellings(known)
    for article in context.articles:
        name = article.source.translate(_TYPED)
        if name in known:
            continue
        other = spellings.find(name)
        if other is not None:
            where = f"in {known[other]}" if known[other] else "further up"
            yield Finding(
                rule="source-spelling",
                message=f"“{name}” is spelt “{other}” {where}",
                expected="use the same spelling",
                position=context.source_index.article_key(article, "source"),
            )
        else:
            known[name] = ""
            spellings.add(name)


_TYPED = str.maketrans(
    {**dict.fromkeys("“”„«»", '"'), **dict.fromkeys("‘’‚‹›", "'"), "–": "--", "—": "---", "…": "..."}
)
"""Typographic punctuation, and how it is typed: names that differ in nothing else are the same."""


class _Spellings:
    """Names, found by another spelling: the same letters, or nearly, with the same numbers.

    Letters that differ are looked for in COMPARISONS pairs of names at most: with more, the time would grow with their square.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact: dict[tuple[str, ...], str] = {}
        self._by_numbers: dict[tuple[str, ...], list[str]] = {}
        self._left = COMPARISONS
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        numbers = _numbers(name)
        self._exact.setdefault((_normalized(name), *numbers), name)
        self._by_numbers.setdefault(numbers, []).append(name)

    def find(self, name: str) -> str | None:
        """Returns a name that `name` is another spelling of."""
        numbers = _numbers(name)
        if (same := self._exact.get((_normalized(name), *numbers))) is not None:
            return same
        others = self._by_numbers.get(numbers, [])[: max(self._left, 0)]
        self._left -= len(others)
        return next((each for each in others if _is_close(_normalized(name), _normalized(each))), None)


def _numbers(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", name))


def _is_close(one: str, other: str) -> bool:
    """Whether two names differ in few letters."""
    if min(len(one), len(other)) < 5 or abs(len(one) - len(other)) > 3:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


@lru_cache(maxsize=4096)
def _normalized(name: str) -> str:
    """Returns letters and digits without accents or an article in front."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    words = re.findall(r"\w+", plain)
    return "".join(
        words[1:] if len(words) > 1 and words[0] in {"the", "le", "la", "el", "der", "die", "das"} else words
    )


_SCRIPTS = {
    "Hebrew": ({"Hebr"}, re.compile("[\u0590-\u05ff]")),
    "Arabic": ({"Arab"}, re.compile("[\u0600-\u06ff\u0750-\u077f]")),
    "Cyrillic": ({"Cyrl"}, re.compile("[\u0400-\u052f]")),
    "Greek": ({"Grek"}, re.compile("[\u0370-\u03ff]")),
    "Devanagari": ({"Deva"}, re.compile("[\u0900-\u097f]")),
    "Chinese or Japanese": ({"Hans", "Hant", "Jpan", "Hani"}, re.compile("[\u3040-\u30ff\u4e00-\u9fff]")),
    "Korean": ({"Kore", "Hang"}, re.compile("[\uac00-\ud7af]")),
    "Thai": ({"Thai"}, re.compile("[\u0e00-\u0e7f]")),
    "Latin": ({"Latn"}, re.compile("[A-Za-z\u00c0-\u024f]")),
}
"""The scripts that are distinguished: code of ISO 15924, and a pattern of its letters."""

_FEWEST = 12  # letters that a script is detected by


def missing_languages(context: LintContext) -> Iterator[Finding]:
    """Reports articles without a language that are not in the script of the dispatch’s own."""
    own = _script_of(context.dispatch.language)
    for article in context.articles:
        if article.language or not own:
            continue
        script = _script(f"{article.title_text} {_text(article.body)}")
        if script and own not in _SCRIPTS[script][0]:
            yield Finding(
                rule="language-missing",
                message=f"“{abbreviate(article.title_text, 40)}” is in {script} letters and has no language",
                expected="add language: … under its title",
                position=article.position,
            )


def _script_of(language: str) -> str:
    """Returns the code of the script that a language is usually written in; "" when that is not known."""
    subtags = language.replace("_", "-").split("-")
    named = next((tag.title() for tag in subtags[1:] if len(tag) == 4 and tag.isalpha()), "")
    likely = str(get_global("likely_subtags").get(subtags[0].lower(), "")).split("_")
    return named or (likely[1] if len(likely) > 1 else "")


def _script(text: str) -> str:
    """Returns the script of most letters of `text`; "" where there are too few to tell."""
    counts = {name: len(pattern.findall(text)) for name, (_, pattern) in _SCRIPTS.items()}
    name = max(counts, key=lambda each: counts[each])
    return name if counts[name] >= _FEWEST and counts[name] > 0.6 * sum(counts.values()) else ""


def _text(blocks: tuple[Block, ...]) -> str:
    runs = (block.tokens for block in walk_blocks(blocks) if isinstance(block, Markdown))
    return " ".join(plain_text(token.children or ()) for tokens in runs for token in tokens if token.type == "inline")


def alt_words(context: LintContext) -> Iterator[Finding]:
    photo = context.dispatch.photo
    images: list[tuple[str, Position]] = [(photo.alt, context.source_index.key("photo", "alt"))] if photo else []
    images += [
        (str(token.attrs.get("alt", "")), token.meta["position"])
        for token in inline_tokens(context.dispatch)
        if token.type == "image"
    ]
    for alt, position in images:
        if _FILE_NAME.fullmatch(alt.strip()) or _NO_WORDS.fullmatch(alt.strip()):
            message = f"the alt text “{abbreviate(alt, 40)}” does not describe the image"
        elif len(alt) > LONGEST_ALT:
            message = f"the alt text has {len(alt)} characters; screen readers read all of it aloud"
        else:
            continue
        yield Finding(rule="alt-words", message=message, expected="describe what the image shows", position=position)
