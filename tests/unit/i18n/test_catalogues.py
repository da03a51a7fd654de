"""The catalogues: complete, without obsolete message ids, with the placeholders and plural forms of their languages."""

import ast
import re
from gettext import c2py

import pytest
from jinja2 import Environment, nodes

from mailer.i18n.translations import LANGUAGES, gettext, ngettext, read_catalogue
from tests.support.editions import ROOT

FORMS = {"ar": 6, "de": 2, "en": 2, "es": 2, "fr": 2, "he": 3, "pt": 2}
SAME = {  # (language, message id) of the texts that are the same in English
    ("de", "Name"),
    ("fr", "(note %(number)s)"),
}
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?(.?)")
FUNCTIONS = {"say", "gettext", "ngettext", "message", "translate", "translatable"}  # take message ids


def messages(language):
    """Maps the id of each message of a catalogue to the message; for one with a plural, the singular is the id."""
    return {ids(each)[0]: each for each in read_catalogue(language) if each.id}


def ids(message):
    return message.id if isinstance(message.id, tuple) else (message.id,)


def texts(message):
    return message.string if isinstance(message.string, tuple) else (message.string,)


def placeholders(text):
    """The names of the placeholders of a text. Fails for a percent sign that begins no placeholder."""
    found = PLACEHOLDER.findall(text)
    assert all(name and kind == "s" for name, kind in found), text
    return sorted(name for name, _ in found)


def ids_in_templates():
    for path in (ROOT / "templates").rglob("*.j2"):
        if "desk" in path.parts:  # not translated
            continue
        for call in Environment(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "say":
                yield from (each.value for each in call.args if isinstance(each, nodes.Const))


def ids_in_code():
    for path in (ROOT / "mailer").rglob("*.py"):
        if {"desk", "api"} & set(path.parts):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in FUNCTIONS:
                yield from (
                    each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )


def test_every_text_of_templates_and_code_is_in_the_catalogue():
    known = {each for message in messages("en").values() for each in ids(message)}
    used = {*ids_in_templates(), *ids_in_code()}
    assert len(used) > 140
    assert sorted(used - known) == []


def test_the_catalogue_has_no_obsolete_texts():
    known = {each for message in messages("en").values() for each in ids(message)}
    former = {message.string for message in messages("former").values()}
    assert sorted(known - former - {*ids_in_templates(), *ids_in_code()}) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language):
    catalogue, english = messages(language), messages("en")
    assert list(catalogue) == list(english)
    assert [key for key, each in catalogue.items() if ids(each) != ids(english[key])] == []
    assert [key for key, each in catalogue.items() if each.fuzzy or not all(text.strip() for text in texts(each))] == []
    if language == "en":
        assert all(texts(each) == ids(each) for each in english.values())
    else:
        same = {(language, key) for key, each in catalogue.items() if set(texts(each)) & set(ids(each))}
        assert same == {pair for pair in SAME if pair[0] == language}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_obsolete(language):
    assert read_catalogue(language).obsolete == {}


@pytest.mark.parametrize("language", [*LANGUAGES, "former"])
def test_translations_have_the_placeholders_of_their_source(language):
    for message in read_catalogue(language):
        if not message.id:
            continue
        wanted = placeholders(ids(message)[-1])
        for form, text in enumerate(texts(message)):
            allowed = [wanted]
            if isinstance(message.id, tuple) and len(numbers_of(language, form)) == 1:  # “one week”, in words
                allowed.append([name for name in wanted if name != "count"])
            assert placeholders(text) in allowed, (language, text)


def numbers_of(language, form):
    """The numbers up to 200 that take this plural form."""
    index = c2py(read_catalogue(language).plural_expr)
    return [number for number in range(201) if index(number) == form]


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_with_a_number_have_all_plural_forms_of_the_language(language):
    catalogue = read_catalogue(language)
    assert catalogue.num_plurals == FORMS[language]
    assert all(numbers_of(language, form) for form in range(FORMS[language]))
    with_plurals = [each for each in catalogue if isinstance(each.id, tuple)]
    assert with_plurals
    assert [each.id for each in with_plurals if len(texts(each)) != FORMS[language]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_with_a_number_has_a_plural(language):
    """`count` is the placeholder of numbers."""
    assert [each.id for each in read_catalogue(language) if each.id and "%(count)s" in each.id] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_quotation_marks_and_apostrophes_are_typographic(language):
    assert [
        text for each in read_catalogue(language) if each.id for text in texts(each) if set("\"'`") & set(text)
    ] == []


def test_french_has_no_line_break_before_a_colon_or_a_question_mark():
    assert [
        text
        for each in read_catalogue("fr")
        if each.id
        for text in texts(each)
        if re.search(r"[^\u00a0][:;?!](?!\d)", text)
    ] == []


def test_former_ids_are_translated_like_the_present_ones():
    """Workspaces have copies of templates, made by former versions."""
    former = messages("former")
    assert len(former) > 100
    assert former.keys().isdisjoint(messages("en"))
    for language in (*LANGUAGES, "xx"):
        for before, message in former.items():
            assert gettext(language, before) == gettext(language, message.string) != before
    assert {message.string for message in former.values()} <= messages("en").keys()


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en", ["0 weeks", "1 week", "2 weeks", "26 weeks"]),
        ("de", ["0 Wochen", "1 Woche", "2 Wochen", "26 Wochen"]),
        ("fr", ["0 semaine", "1 semaine", "2 semaines", "26 semaines"]),
        ("he", ["0 שבועות", "שבוע אחד", "שבועיים", "26 שבועות"]),
        ("ar-EG", ["0 أسبوع", "أسبوع واحد", "أسبوعان", "26 أسبوعًا"]),
        ("xx", ["0 weeks", "1 week", "2 weeks", "26 weeks"]),
    ],
)
def test_a_number_takes_the_plural_form_of_its_language(language, written):
    assert [ngettext(language, "%(count)s week", "%(count)s weeks", number) for number in (0, 1, 2, 26)] == written
