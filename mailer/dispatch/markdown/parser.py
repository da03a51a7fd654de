"""Parses the Markdown of a dispatch: CommonMark with tables and footnotes, as tokens with positions in the file.

Beyond CommonMark: `##` in column 1 opens an article together with the lines right under it (token `article_open` with
`meta["lines"]`), a tag line is a block (`tag_line`), `[[slug]]` is a link (`dispatch_link`), `[^label]` is a footnote
reference whether or not it is defined, and punctuation is smart. Off are raw HTML, which is shown as text, and setext
headings, for `---` under a line must not make it one. No address is refused here; placeholder_resolution.py checks them.

    map_lines      the kinds of lines in a text, before its template parts are known
    read_markdown  the tokens of a body whose template parts are placeholders
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, autolink, image, link
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.footnote.index import footnote_ref

from mailer.dispatch.diagnostic_collector import DiagnosticCollector
from mailer.dispatch.diagnostics import Position, abbreviate
from mailer.dispatch.markdown.east_asian import emphasis, join_lines
from mailer.dispatch.markdown.leftover_markup import MARKUP, find_leftovers, is_open_fence
from mailer.dispatch.markdown.smart_punctuation import punctuate, punctuate_text
from mailer.dispatch.markdown.token_walk import closing_index
from mailer.dispatch.source_map import InlineSourceMap
from mailer.dispatch.template.placeholders import LineMap, MaskedBody, looks_like_tag_line

DEEPEST = 16
"""Levels of lists and quotes; a list item counts as two. markdown-it silently drops content only at much deeper levels."""

LONGEST = 10_000
"""Characters of a paragraph. Some inline text costs markdown-it the square of its length."""

_MOST_NESTING = 30
_TITLE = 80  # characters of a line that may be a heading
_ARTICLE = re.compile(r"##(?:[ \t]|$)")
_CLOSING = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_LANGUAGE = re.compile(r"language[ \t]*:[ \t]*([A-Za-z0-9-]+)[ \t]*")
_DISPATCH_LINK = re.compile(r"\[\[([^\[\]\n]+)\]\](?![(\[])")
_PIPE = re.compile(r"(?<!\\)\|")
_HTML = re.compile(r"<!--|</?[a-z][a-z0-9-]*(\s[^<>]*)?/?>", re.IGNORECASE)


def map_lines(text: str) -> LineMap:
    """Returns the lines of `text` that are code, tag lines, or the beginning of a block."""
    markdown = _blocks(looks_like_tag_line)
    markdown.core.ruler.enableOnly(["normalize", "block"])
    code: set[int] = set()
    tags: set[int] = set()
    starts: set[int] = set()
    for token in markdown.parse(text):
        if token.map is None:
            continue
        first, end = token.map
        starts.add(first)
        match token.type:
            case "fence" | "code_block":
                code.update(range(first, end))
            case "tag_line":
                tags.add(first)
            case "article_open":
                starts.update(range(first, end))
            case _:
                pass
    return LineMap(frozenset(code), frozenset(tags), frozenset(starts))


def read_markdown(body: MaskedBody, language: str, findings: DiagnosticCollector) -> list[Token]:
    """Returns the tokens of `body`. Links, images and references have `meta["position"]`; placeholders are not resolved yet."""
    source_map = InlineSourceMap(body)
    markdown = _blocks(body.is_tag_line)
    for name, rule, kind in _POSITIONED_RULES:
        markdown.inline.ruler.at(name, _with_position(rule, kind, source_map))
    markdown.inline.ruler.before("link", "dispatch_link", _with_position(_dispatch_link, "dispatch_link", source_map))
    markdown.inline.ruler.after("autolink", "raw_html", partial(_raw_html, source_map, findings))
    markdown.core.ruler.at("inline", partial(_inline, source_map, findings))
    markdown.inline.ruler.at("emphasis", emphasis)
    markdown.core.ruler.after("inline", "punctuation", partial(_punctuation, language))
    env: dict[str, Any] = {}
    tokens = markdown.parse(body.text, env)
    for again in env.get("duplicate_refs", ()):
        expected = "keep one; the first one is used"
        message = f"the link reference “{body.restore(again['label']).lower()}” is defined twice"
        findings.add("reference-duplicate", body.position(again["map"][0]), message, expected)
    _check_tables(tokens, body, findings)
    _check_fences(tokens, body, findings)
    _check_lists(tokens, body, findings)
    _check_rules(tokens, body, findings)
    for token in tokens:
        if token.block and token.nesting >= 0 and token.level >= DEEPEST and token.map:
            line = body.lines[token.map[0]]
            position = body.position(token.map[0], len(line) - len(line.lstrip()))
            findings.add(
                "nesting", position, "lists and quotes are nested too deeply here", f"use at most {DEEPEST // 2} levels"
            )
            break
    return tokens


def _check_fences(tokens: list[Token], body: MaskedBody, findings: DiagnosticCollector) -> None:
    for token in tokens:
        if is_open_fence(token, body.lines) and token.map:
            line = body.lines[token.map[0]]
            position = body.position(token.map[0], max(line.find(token.markup), 0))
            message = f"the code block that “{token.markup}” opens is never closed, so all that follows is code"
            findings.add(MARKUP, position, message, f"close it with a line “{token.markup}”")


def _check_lists(tokens: list[Token], body: MaskedBody, findings: DiagnosticCollector) -> None:
    """Reports sentences that begin with a year or a day: a list of one item that does not begin at 1, and an item whose number
    is shown as a different one, unless all items have the same.
    """
    for index, token in enumerate(tokens):
        if token.type != "ordered_list_open" or not token.map:
            continue
        inner = tokens[index + 1 : closing_index(tokens, index)]
        items = [each for each in inner if each.type == "list_item_open" and each.level == token.level + 1]
        first = int(token.attrs.get("start", 1))
        if len(items) == 1 and first > 1:
            position = _number_position(token, str(first) + token.markup, body)
            expected = f"write {first}\\{token.markup} if it begins a sentence"
            findings.add("list-of-one", position, f"“{first}{token.markup}” begins a list with one item", expected)
        for shown, item in enumerate(items, start=first):
            if item.info not in {str(shown), items[0].info} and item.map:
                number = item.info + item.markup
                expected = f"write {item.info}\\{item.markup} if it begins a sentence; else number the items in order"
                message = f"“{number}” is shown as “{shown}{item.markup}”, because it continues the list above it"
                findings.add("list-number", _number_position(item, number, body), message, expected)
                break


def _number_position(token: Token, number: str, body: MaskedBody) -> Position:
    first = token.map[0] if token.map else 0
    return body.position(first, max(body.lines[first].find(number), 0))


def _check_rules(tokens: list[Token], body: MaskedBody, findings: DiagnosticCollector) -> None:
    """Reports a line of `-` under a line of text: in other programs it makes a heading, here a rule."""
    for paragraph, inline, rule in zip(tokens, tokens[1:], tokens[3:], strict=False):
        if rule.type != "hr" or paragraph.type != "paragraph_open" or not (paragraph.map and rule.map):
            continue
        first, end = paragraph.map
        title = inline.content.strip()
        is_under = end - first == 1 and rule.map[0] == end and rule.level == paragraph.level
        if is_under and body.lines[end].strip(" \t>-") == "" and len(title) <= _TITLE and title[-1:].isalnum():
            position = body.position(end, max(body.lines[end].find("-"), 0))
            message = f"“{body.lines[end].strip(' >')}” is a rule, and makes no heading of the line above it"
            expected = "write ### before the subheading instead; leave a blank line above a rule"
            findings.add(MARKUP, position, message, expected)


def _check_tables(tokens: list[Token], body: MaskedBody, findings: DiagnosticCollector) -> None:
    """Reports rows with more cells than their header: Markdown drops the extra cells."""
    columns = 0
    for token in tokens:
        if token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_open" and columns and token.map:
            row = body.lines[token.map[0]]
            cells = len(_PIPE.split(row.strip(" \t>").removeprefix("|").removesuffix("|")))
            if cells > columns:
                position = body.position(token.map[0], len(row) - len(row.lstrip(" \t>")))
                message = f"this row has {cells} cells, but the header of its table has {columns}"
                findings.add("table-cells", position, message, "remove the extra cells, which are left out")


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802, ARG002 - markdown-it's name
        """Accepts every address, so that an invalid one is reported rather than shown as text."""
        return True


def _blocks(is_tag_line: Callable[[str], bool]) -> _Markdown:
    markdown = _Markdown("commonmark", {"html": False, "maxNesting": _MOST_NESTING})
    markdown.enable("table")
    markdown.disable(["lheading", "html_block", "html_inline"])
    markdown.use(footnote_plugin, inline=False, move_to_end=False, always_match_refs=True)
    ruler = markdown.block.ruler
    ends = ["paragraph", "reference", "blockquote", "list"]
    ruler.before("code", "article", partial(_article, is_tag_line), {"alt": ends[:3]})
    ruler.before("article", "tag_line", partial(_tag_line, is_tag_line), {"alt": ends})
    return markdown


def _text(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()


def _tag_line(is_tag_line: Callable[[str], bool], state: StateBlock, line: int, _end: int, silent: bool) -> bool:
    if state.is_code_block(line) or not is_tag_line(_text(state, line)):
        return False
    if not silent:
        token = state.push("tag_line", "", 0)
        token.content = _text(state, line)
        token.map = [line, line + 1]
        state.line = line + 1
    return True


def _article(is_tag_line: Callable[[str], bool], state: StateBlock, line: int, end: int, silent: bool) -> bool:
    start = state.bMarks[line]
    first = state.src[start : state.eMarks[line]]
    if not _ARTICLE.match(first) or state.sCount[line] != 0:
        return False
    if silent:
        return True
    if state.level:
        return False
    under = line + 1
    while under < end and not state.isEmpty(under):
        text = _text(state, under)
        if _ARTICLE.match(text) or is_tag_line(text):
            break
        under += 1
    opening = state.push("article_open", "h2", 1)
    opening.map = [line, under]
    lines = [state.src[state.bMarks[number] : state.eMarks[number]] for number in range(line + 1, under)]
    languages = [match[1] for text in lines if (match := _LANGUAGE.fullmatch(text))]
    opening.meta = {"lines": lines, "language": languages[0] if languages else ""}
    title = state.push("inline", "", 0)
    title.content = _CLOSING.sub("", first[2:].strip())
    title.map = [line, line + 1]
    title.children = []
    state.push("article_close", "h2", -1)
    state.line = under
    return True


def _dispatch_link(state: StateInline, silent: bool) -> bool:
    match = _DISPATCH_LINK.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        token = state.push("dispatch_link", "", 0)
        token.meta = {"slug": match[1].strip()}
    state.pos = match.end()
    return True


def _raw_html(source_map: InlineSourceMap, findings: DiagnosticCollector, state: StateInline, silent: bool) -> bool:
    """Reports HTML, which stays text. Never matches."""
    if not silent and (match := _HTML.match(state.src, state.pos)):
        position = source_map.at(state.src, state.pos)
        findings.add(
            "raw-html", position, f"“{match[0][:40]}” is shown as text, because HTML is not supported", "use Markdown"
        )
    return False


_InlineRule = Callable[[StateInline, bool], bool]
_POSITIONED_RULES: list[tuple[str, _InlineRule, str]] = [
    ("link", link, "link_open"),
    ("image", image, "image"),
    ("autolink", autolink, "link_open"),
    ("footnote_ref", partial(footnote_ref, always_match=True), "footnote_ref"),
]


def _with_position(rule: _InlineRule, kind: str, source_map: InlineSourceMap) -> _InlineRule:
    """Returns `rule` with an addition: the token of `kind` that it creates gets its position."""

    def with_position(state: StateInline, silent: bool) -> bool:
        if silent:
            return rule(state, silent)
        before, start = len(state.tokens), state.pos
        with source_map.inside_image(state.src, start):
            found = rule(state, silent)
        if found:
            token = next(token for token in state.tokens[before:] if token.type == kind)
            token.meta["position"] = source_map.at(state.src, start)
        return found

    return with_position


def _inline(source_map: InlineSourceMap, findings: DiagnosticCollector, state: StateCore) -> None:
    opening = Token("", "", 0)
    for token in state.tokens:
        if token.type == "inline":
            token.children = []
            source_map.enter(token, opening)
            if len(token.content) > LONGEST:
                message = f"this paragraph has more than {LONGEST:,} characters"
                findings.add("paragraph-length", source_map.at(token.content, 0), message, "split it")
            else:
                state.md.inline.parse(token.content, state.md, state.env, token.children)
                for left in find_leftovers(token.content, token.children):
                    shown = abbreviate(source_map.restore(left.text), 40)
                    message = (
                        f"“{shown}” has no effect as Markdown, and is shown as typed"
                        if left.rule == MARKUP
                        else f"the address “{shown}” is not a link"
                    )
                    findings.add(left.rule, source_map.at(token.content, left.at), message, left.expected)
                join_lines(token.children)
        opening = token


def _punctuation(language: str, state: StateCore) -> None:
    current = language
    for token in state.tokens:
        if token.type == "article_open":
            current = token.meta["language"] or language
        elif token.type == "inline" and token.children:
            punctuate(token.children, current)
            for each in token.children:
                if title := each.attrs.get("title"):
                    each.attrs["title"] = punctuate_text(str(title), current)
                if each.type == "image" and each.children:
                    punctuate(each.children, current)
