"""subscribers/NAME.toml: what readers may see and do of a list."""

import pytest

from mailer.audience.list_settings import ListSettings, ListSettingsError, load_list_settings, public_lists


def load(folder, text, name="harbour"):
    (folder / f"{name}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_list_settings(folder, name)


def test_without_a_file_nobody_joins(tmp_path):
    assert load_list_settings(tmp_path, "harbour") == ListSettings(name="harbour")
    assert not load_list_settings(tmp_path, "harbour").public


def test_every_key_is_read(tmp_path):
    settings = load(
        tmp_path,
        b'\xef\xbb\xbftitle = "The Harbour Letter"\ndescription = "Every other Monday."\npublic = true\n'
        b'own_fields = ["first_name", "city"]\nwelcome = "welcome"\nlanguage = "pt-BR"\n',
    )
    assert settings == ListSettings(
        name="harbour",
        title="The Harbour Letter",
        description="Every other Monday.",
        public=True,
        own_fields=("first_name", "city"),
        welcome="welcome",
        language="pt-BR",
    )
    assert settings.shown == "The Harbour Letter"


def test_a_list_without_a_title_is_called_by_its_name(tmp_path):
    assert load(tmp_path, "public = true").shown == "harbour"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("publik = true", "publik: unknown key; did you mean “public”? Correct the file."),
        ("name = 'x'", "name: unknown key"),
        ('public = "yes"', "public: input should be a valid boolean"),
        ("public = 1", "public: input should be a valid boolean"),
        ('own_fields = ["E-Mail"]', "did you mean “email”"),
        ('own_fields = ["email"]', "readers cannot change the field “email”"),
        ('own_fields = ["status"]', "readers cannot change the field “status”"),
        ('own_fields = ["Vorname"]', "did you mean “first_name”?"),
        ('own_fields = ["city", "city"]', "a field appears twice"),
        ('own_fields = "city"', "own_fields: "),
        ('welcome = "Hello World"', "welcome: use the slug of a dispatch"),
        ('language = "not a language"', "language: use a language code such as en or pt-BR"),
        ('title = "two\\nlines"', "title: use one line"),
        (f'title = "{"x" * 201}"', "title: "),
        ("public", "is not valid TOML"),
        ("[" * 5000, "is not valid TOML"),
        (b"title = '\xff'", "is not UTF-8"),
        ("#" * 70_000, "larger than 65,536 bytes"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path, text, error):
    with pytest.raises(ListSettingsError) as caught:
        load(tmp_path, text)
    assert error in str(caught.value)
    assert "harbour.toml" in str(caught.value)


def test_all_that_is_wrong_comes_at_once(tmp_path):
    with pytest.raises(ListSettingsError, match=r"publik: unknown key.*language: ") as caught:
        load(tmp_path, 'publik = true\nlanguage = "?"')
    assert caught.value.exit_code == 2


def test_readers_are_shown_the_lists_that_they_may_join(tmp_path):
    load(tmp_path, "public = true", "b")
    load(tmp_path, "public = false", "c")
    assert [each.name for each in public_lists(tmp_path, ["a", "b", "c"])] == ["b"]
