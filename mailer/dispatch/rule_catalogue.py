"""The rules of the dispatch's grammar in one table.

A rule's id is in brackets at the end of each diagnostic and in `check --json`; people filter by it, so an id is never
renamed. Its severity is always the same. An error keeps a dispatch from being sent, a warning asks for a confirmation, a note
only informs. The rules of rendered mail are in mailer/lint/rule_catalogue.py; mailer/lint/findings.py has both tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from mailer.dispatch.diagnostics import Severity

ERROR, WARNING = Severity.ERROR, Severity.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`title` is the rule in one line, `why` its reason, `source` its authority, `how` the remedy.

    Diagnostics of a rule that is not `may_be_ignored` cannot be ignored by a comment in a dispatch.
    """

    id: str
    severity: Severity
    title: str
    why: str
    source: str
    how: str
    may_be_ignored: bool = True


def index_rules(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Returns `rules` by their ids, in order. Raises ValueError for a duplicate id."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in found:
            raise ValueError(f"two rules are called {rule.id}")
        found[rule.id] = rule
    return found


def _group(why: str, source: str, *rules: tuple[str, Severity, str, str]) -> list[Rule]:
    """Returns rules that share a reason and a source. Errors cannot be ignored: they keep an edition from being compiled."""
    return [
        Rule(
            id=name,
            severity=severity,
            title=title,
            why=why,
            source=source,
            how=how,
            may_be_ignored=severity is not ERROR,
        )
        for name, severity, title, how in rules
    ]


_GROUPS = (
    _group(
        "What cannot be read as text cannot be checked, and what cannot be seen is rarely meant.",
        "docs/editor.md",
        ("encoding", ERROR, "the file is UTF-8", "Save the file as UTF-8."),
        (
            "control-character",
            ERROR,
            "the file holds no NUL and no other invisible control characters",
            "Remove the character at this place; it came with copying.",
        ),
        (
            "too-large",
            ERROR,
            "the file and its front matter are of a size that a letter can have",
            "Shorten it: at most 1,000,000 bytes, of these 64,000 characters of front matter.",
        ),
        ("empty-file", ERROR, "the file is not empty", "Write something, or start from `mailer new`."),
        (
            "front-matter",
            ERROR,
            "the file opens with front matter between two lines of ---",
            "Open the file with `---`, keys such as `title: …`, and `---` again.",
        ),
    ),
    _group(
        "The program must know for certain what was meant: a value that is guessed at is found out by readers.",
        "docs/editor.md, Front matter",
        (
            "yaml-syntax",
            ERROR,
            "the front matter is YAML",
            "Put the value between quotes; look for a quote or bracket that is not closed.",
        ),
        (
            "yaml-feature",
            ERROR,
            "the front matter is plain: no anchors, aliases, tags, merge keys or deep nesting",
            "Write the value out. Anchors, aliases, tags, merge keys and deep nesting are not used.",
        ),
        (
            "unknown-key",
            ERROR,
            "each key is one that is known at its place",
            "Mend the spelling, or take the line out; `docs/editor.md` has every key.",
        ),
        ("duplicate-key", ERROR, "no key stands twice", "Keep one of the two."),
        (
            "missing-key",
            ERROR,
            "what is required is there",
            "Add what is required: `title`, `date`, a photo’s `alt`, an article’s `source` and `date` …",
        ),
        (
            "bad-value",
            ERROR,
            "a value is of the kind that its key asks for",
            "Give the key what it asks for: a text, a list with `- ` lines, or keys of its own.",
        ),
        ("bad-date", ERROR, "a date is an ISO date that exists", "Write it as `YYYY-MM-DD`, a day that exists."),
        (
            "bad-slug",
            ERROR,
            "a slug is made of a-z, 0-9 and hyphens",
            "Use `a-z`, `0-9` and hyphens. If the file’s name is none, write `slug: …`.",
        ),
        ("bad-language", ERROR, "a language is a BCP 47 tag", "Write a tag such as `en`, `pt-BR` or `he`."),
        (
            "bad-particular",
            ERROR,
            "each line under an article's title, up to the first blank one, is `key: value`",
            "Lines right under an article’s title are `key: value`. Leave a blank line before the text.",
        ),
    ),
    _group(
        "What differs per reader is worked out for thousands of letters that nobody looks at: it must be provably right.",
        "docs/editor.md, What differs per reader",
        (
            "expression",
            ERROR,
            "an expression is one that is allowed",
            "Use only what is allowed in expressions, with straight quotes.",
        ),
        (
            "expression-place",
            ERROR,
            "an expression stands where it may differ per reader",
            "Move it into the subject, the preheader or the text; for the braces themselves write `\\{{`.",
        ),
        (
            "template-unclosed",
            ERROR,
            "what opens with {{, {% or {# is closed in the same paragraph",
            "Close it with `}}` or `%}` in the same paragraph, or write `\\{{`.",
        ),
        (
            "template-comment",
            ERROR,
            "template comments are not used",
            "Remove the `{# … #}`; a dispatch has no comments.",
        ),
        (
            "tag-unknown",
            ERROR,
            "a tag is if, elif, else or endif, with a condition where one belongs",
            "Only `if`, `elif`, `else` and `endif` exist, and `if` and `elif` need a condition.",
        ),
        ("tag-line", ERROR, "a tag stands alone on its line", "Put the tag on a line of its own."),
        ("tag-unclosed", ERROR, "each {% if %} has its {% endif %}", "Add `{% endif %}`."),
        (
            "tag-unmatched",
            ERROR,
            "elif, else and endif belong to an {% if %}",
            "Add the `{% if %}` before it, or remove it.",
        ),
        (
            "tag-place",
            ERROR,
            "a tag stands between blocks, not inside a list, quote, table or footnote",
            "Put the tag before or after the list, quote, table or footnote, with a blank line.",
        ),
        ("tag-depth", ERROR, "conditions nest to a depth that can be overseen", "Nest at most 8 conditions."),
        (
            "tag-across",
            ERROR,
            "a condition holds blocks of one article or of the note, or whole articles",
            "Close the condition before the next `##`, or open it right before one.",
        ),
    ),
    _group(
        "Contents, anchors and the order of headings are made from the headings that were typed.",
        "docs/editor.md, The body",
        (
            "heading-level",
            ERROR,
            "# is the title's, ## opens an article at the start of its line, ### is a subheading",
            "`##` at the start of a line opens an article; `###` is a subheading; `#` is not used.",
        ),
        (
            "heading-content",
            ERROR,
            "an article's title is text: no links, images or footnotes",
            "Give the address as `link: …`; put images and footnotes into the text.",
        ),
        ("heading-empty", ERROR, "an article has a title", "Write the title after `##`."),
    ),
    _group(
        "Mail programs have little room: what is nested or goes on like this cannot be laid out or read there.",
        "docs/editor.md, The body",
        (
            "nesting",
            ERROR,
            "lists and quotes nest to a depth that can be read",
            "Nest lists and quotes at most 8 levels deep.",
        ),
        (
            "paragraph-length",
            ERROR,
            "a paragraph is of a length that can be read",
            "Divide it: at most 10,000 characters.",
        ),
        (
            "table-cells",
            WARNING,
            "a row of a table has no more cells than its header",
            "Remove the cells that the header has no column for: they are left out.",
        ),
    ),
    _group(
        "A letter has no place of its own on the web, and mail programs open few kinds of links.",
        "RFC 3986, 4.3 and 7.6: https://www.rfc-editor.org/rfc/rfc3986",
        ("link-scheme", ERROR, "a link is http, https, mailto or tel", "Link to http, https, mailto or tel."),
        ("link-relative", ERROR, "a link is absolute", "Write the whole address, with `https://`."),
        ("link-invalid", ERROR, "a link is a whole address", "Complete the address: `https://example.org/page`."),
        (
            "link-expression",
            ERROR,
            "an expression in a link stands in its path, query or fragment",
            "Put the expression behind the host: in the path, query or fragment.",
        ),
        (
            "dispatch-link",
            ERROR,
            "[[…]] holds a slug and nothing else",
            "Write a slug between `[[` and `]]`; for the brackets themselves write `\\[[`.",
        ),
    ),
    _group(
        "Who does not see the image, since it is blocked or since they cannot see, gets these words instead.",
        "WCAG 2.2, 1.1.1: https://www.w3.org/TR/WCAG22/#non-text-content",
        (
            "image-alt",
            ERROR,
            "an image says in words what it shows",
            "Say what the image shows: `![two ferries](photos/quay.jpg)`. Plain words only.",
        ),
    ),
    _group(
        "A link is found and opened by its words, by eye and by screen readers.",
        "WCAG 2.2, 2.4.4: https://www.w3.org/TR/WCAG22/#link-purpose-in-context",
        ("link-text", WARNING, "a link has a text", "Write words between the square brackets."),
    ),
    _group(
        "An image that is not there, or cannot be fetched over https, is an empty frame in every letter.",
        "docs/editor.md, The body",
        (
            "image-address",
            ERROR,
            "an image is a file beside the dispatch or an https address",
            "Name a file beside the dispatch, or an https address.",
        ),
        (
            "image-file",
            ERROR,
            "an image file is there, is sound and lies in the workspace",
            "Check the file’s name; keep it in the workspace, and small enough.",
        ),
    ),
    _group(
        "A footnote is numbered and printed by the program; a reader who follows a number must find its text.",
        "docs/editor.md, The body",
        (
            "footnote-missing",
            ERROR,
            "a footnote that is referred to is defined",
            "Add the paragraph that begins with `[^1]:`.",
        ),
        ("footnote-duplicate", ERROR, "a footnote is defined once", "Give one of the two another name."),
        ("footnote-empty", ERROR, "a footnote has a text", "Write its text after the colon."),
        (
            "footnote-branch",
            ERROR,
            "a footnote is defined wherever it is used",
            "Define the footnote outside of the `{% if %}`.",
        ),
        (
            "footnote-unused",
            WARNING,
            "a footnote that is defined is referred to",
            "Refer to it as `[^1]`, or remove it.",
        ),
        (
            "reference-duplicate",
            WARNING,
            "a link reference is defined once",
            "Keep one of the two definitions; the first one holds.",
        ),
    ),
    _group(
        "Typed HTML differs between mail programs and can carry what no letter should, so it is never passed on.",
        "docs/editor.md, The body",
        ("raw-html", WARNING, "HTML is shown as text", "Use Markdown; the HTML is shown as it stands."),
    ),
    _group(
        "A link to a dispatch that does not exist is a dead link in every letter.",
        "docs/editor.md, The body",
        (
            "unknown-dispatch",
            ERROR,
            "a slug that is linked to is that of a dispatch",
            "Spell the slug as the other dispatch does.",
        ),
        ("self-link", ERROR, "a dispatch does not link to itself", "Link to another dispatch."),
    ),
    _group(
        "A field that no list has is empty for everybody.",
        "docs/editor.md, What differs per reader",
        (
            "unknown-field",
            ERROR,
            "a reader field is a column of a list",
            "Spell the field as the list’s column, or choose another list.",
        ),
        (
            "subject-empty",
            WARNING,
            "the subject is not empty for a reader without any fields",
            'Give the field a stand-in: `{{ reader.city or "your town" }}`.',
        ),
    ),
    _group(
        "A letter without a text or without a word on whose it is was hardly meant to go out.",
        "docs/editor.md, Made by the program",
        ("empty-dispatch", WARNING, "a dispatch has a note or an article", "Write a note or an article."),
        (
            "no-copyright",
            WARNING,
            "there is a copyright line",
            "Write `copyright: …`, or set `MAILER_COPYRIGHT_HOLDER`.",
        ),
    ),
)
RULES: dict[str, Rule] = index_rules(chain.from_iterable(_GROUPS))
