from hypothesis import given
from hypothesis import strategies as st

from mailer.dispatch.parse import parse_dispatch
from mailer.importers.markdown_escaping import escape_markdown


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60))
def test_escaped_text_is_text_again(text):
    source = f"---\ntitle: T\ndate: 2026-10-26\nslug: t\n---\n\n{escape_markdown(text, is_first=True)}\n"
    parsed = parse_dispatch(source.encode(), "t.md", language="en")
    if parsed.dispatch is None or "://" in text:
        return
    tokens = [token for block in parsed.dispatch.note for token in block.tokens]
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert all(child.type in {"text", "text_special", "softbreak"} for child in tokens[1].children)
