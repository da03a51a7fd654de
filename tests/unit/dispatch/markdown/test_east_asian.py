"""Emphasis and line ends of Chinese, Japanese and Korean text, against the examples of the amendment to CommonMark."""

import pytest
from markdown_it import MarkdownIt

from mailer.dispatch.markdown.east_asian import emphasis, join_lines

PARSER = MarkdownIt("commonmark")
PARSER.inline.ruler.at("emphasis", emphasis)


def html(text: str) -> str:
    return PARSER.renderInline(text)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("**这是重点。**后面", "<strong>这是重点。</strong>后面"),
        ("他说：**“你好”**然后", "他说：<strong>“你好”</strong>然后"),
        ("**「引用」**です", "<strong>「引用」</strong>です"),
        ("これは**太字（注）**です", "これは<strong>太字（注）</strong>です"),
        ("한국어 **강조(주)**입니다", "한국어 <strong>강조(주)</strong>입니다"),
        ("*重点。*然后", "<em>重点。</em>然后"),
        ("和__粗体__文字", "和__粗体__文字"),
        ("**a.**b", "**a.**b"),
        ("a**(b)**c", "a**(b)**c"),
        ("**a** *b* ***c***", "<strong>a</strong> <em>b</em> <em><strong>c</strong></em>"),
        ("snake_case_name __init__", "snake_case_name <strong>init</strong>"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("**注意🚢**!", "<strong>注意🚢</strong>!"),
    ],
)
def test_emphasis_begins_and_ends_beside_wide_characters(typed, expected):
    assert html(typed) == expected


@pytest.mark.parametrize(
    "typed", ["*a* _b_ **c**d __e__ f_g_h *(i)* j*k*", "a *b **c** d* _(e)_ f__g *", "*a_b*_ **c*d**"]
)
def test_other_text_is_read_as_commonmark_reads_it(typed):
    assert html(typed) == MarkdownIt("commonmark").renderInline(typed)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("第一行\n第二行", "第一行第二行"),
        ("句号。\n**重点**", "句号。**重点**"),
        ("第一行\nLatin", "第一行\nLatin"),
        ("첫줄\n둘째", "첫줄\n둘째"),
        ("one\ntwo", "one\ntwo"),
        ("行\n`码`\n行", "行\n`码`\n行"),
    ],
)
def test_a_line_end_between_ideographs_is_no_space(typed, expected):
    tokens = PARSER.parseInline(typed)[0].children
    join_lines(tokens)
    marks = {"softbreak": "\n", "strong_open": "**", "strong_close": "**", "code_inline": "`码`"}
    assert "".join(marks.get(token.type, token.content) for token in tokens) == expected
