"""A cached rendering equals a new one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.edition.merge_fields import (
    ADDRESS,
    LIST_NAME,
    TOKEN,
    EscapeContext,
    ListName,
    MergeField,
    ReaderValues,
    TemplateParts,
    fill,
)
from mailer.edition.plaintext.blocks import FilledParagraph
from mailer.mime.body_encoding import quote
from mailer.mime.render_cache import MAX_ENTRIES, MAX_LENGTH, RenderCache

NAME, CITY = "reader.first_name", 'reader.city or "town"'
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=26, max_size=26) | st.sampled_from(
    ["", "0" * 26, "A=.é\n"]
)
plain = st.text("abcxyzABC019._+-", min_size=1, max_size=30)
addresses = st.builds("{}@{}".format, plain, plain) | st.sampled_from(
    [
        "",
        "1" * 12,
        "0" * 26,
        ".dot@example.com",
        "o'neil=x@example.com",
        "ana@münchen.example",
        "ana@xn--mnchen-3ya.example",
        '"a b"@example.com',
    ]
)
texts = st.text(st.sampled_from("ab. =\n\té你好(。01@'"), max_size=90)
merge_fields = st.builds(
    MergeField, st.sampled_from([NAME, CITY, ADDRESS, TOKEN]), st.sampled_from(EscapeContext)
) | st.builds(ListName, st.sampled_from(EscapeContext), st.just("The Letter"))
flows = st.lists(texts | merge_fields, max_size=6).map(tuple)
paragraphs = st.builds(FilledParagraph, texts, st.just("* "), st.just("  "), st.booleans(), st.booleans(), flows)
parts = st.lists(texts | merge_fields | paragraphs, max_size=4).map(tuple)
fields = st.fixed_dictionaries(
    {}, optional={"first_name": texts, "city": texts | st.just("0" * 26), LIST_NAME: texts | st.just("1" * 12)}
)
values = st.builds(ReaderValues, fields=fields, address=addresses, token=TOKENS)


@given(parts=parts, readers=st.lists(values, min_size=1, max_size=6))
def test_a_rendering_equals_one_without_the_cache(parts: TemplateParts, readers: list[ReaderValues]) -> None:
    cache = RenderCache(parts, quote)
    for reader in [*readers, *readers]:
        assert cache.render(reader) == quote(fill(parts, reader))


@given(address=addresses, token=TOKENS, before=texts, after=texts)
def test_an_address_and_a_token_of_cached_lengths_are_rendered_correctly(
    address: str, token: str, before: str, after: str
) -> None:
    parts: TemplateParts = (
        before,
        MergeField(ADDRESS, EscapeContext.TEXT),
        after,
        MergeField(TOKEN, EscapeContext.URL),
        before,
    )
    cache = RenderCache(parts, quote)
    known = ReaderValues(address="a" * len(address), token="k" * len(token))
    cache.render(known)
    reader = known._replace(address=address, token=token)
    assert cache.render(reader) == quote(fill(parts, reader))


def test_a_paragraph_with_a_list_and_an_address_is_rendered_once_for_addresses_of_a_length() -> None:
    written: list[str] = []

    def write(text: str) -> bytes:
        written.append(text)
        return text.encode()

    cache = RenderCache((ListName(EscapeContext.TEXT, "x"), " ", MergeField(ADDRESS, EscapeContext.TEXT)), write)
    readers = [
        ReaderValues(fields={LIST_NAME: name}, address=f"ana{number}@example.com", token="")
        for name in ("One", "Two")
        for number in range(5)
    ]
    assert [cache.render(reader) for reader in readers] == [
        f"{reader.fields[LIST_NAME]} {reader.address}".encode() for reader in readers
    ]
    assert len(written) == 4, "a template and its check, for each list"


@pytest.mark.parametrize(
    ("merge_field", "reader"),
    [
        (MergeField(NAME, EscapeContext.HTML), ReaderValues(fields={"first_name": "Ana"}, token="")),
        (MergeField(ADDRESS, EscapeContext.TEXT), ReaderValues(address="ana@example.com", token="")),
        (MergeField(TOKEN, EscapeContext.URL), ReaderValues(token="k" * 26)),
    ],
)
def test_repeated_values_are_rendered_once(merge_field: MergeField, reader: ReaderValues) -> None:
    written: list[str] = []

    def write(text: str) -> bytes:
        written.append(text)
        return text.encode()

    cache = RenderCache(("Dear ", merge_field), write)
    cache.render(reader)
    written.clear()
    cache.render(reader)
    assert not written


def test_the_cache_is_bounded() -> None:
    kept = 0

    def write(text: str) -> bytes:
        nonlocal kept
        kept += 1
        return text.encode()

    cache = RenderCache((MergeField(NAME, EscapeContext.TEXT),), write)
    for number in range(MAX_ENTRIES + 1):
        cache.render(ReaderValues(fields={"first_name": f"n{number}"}, token=""))
    cache.render(ReaderValues(fields={"first_name": "n0"}, token=""))
    assert kept == MAX_ENTRIES + 2, "the first was dropped"
    for _ in range(2):
        cache.render(ReaderValues(fields={"first_name": "x" * (MAX_LENGTH + 1)}, token=""))
    assert kept == MAX_ENTRIES + 4, "the long one was not cached"
