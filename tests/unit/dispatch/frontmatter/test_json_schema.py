"""The JSON Schema of the front matter accepts what the parser accepts."""

from mailer.dispatch.frontmatter.json_schema import front_matter_schema
from mailer.dispatch.frontmatter.model import FrontMatter


def objects(schema):
    return [schema, *schema["$defs"].values()]


def test_every_key_has_a_description():
    schema = front_matter_schema()
    assert set(schema["properties"]) == set(FrontMatter.model_fields)
    for part in objects(schema):
        for name, key in part["properties"].items():
            assert "description" in key or "$ref" in key, name


def test_the_schema_accepts_and_rejects_the_same_as_the_parser():
    schema = front_matter_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["required"] == ["title", "date"]
    assert all(part["additionalProperties"] is False for part in objects(schema))
    assert schema["$defs"]["PhotoPart"]["required"] == ["alt"]
    assert schema["$defs"]["PhotoPart"]["oneOf"] == [{"required": ["file"]}, {"required": ["url"]}]
    assert schema["$defs"]["EarlierPart"]["oneOf"] == [{"required": ["slug"]}, {"required": ["url"]}]
    assert schema["properties"]["date"]["format"] == "date"
    assert schema["properties"]["slug"] == {
        "description": "The name of the dispatch in web addresses; by default the file’s name.",
        "pattern": "^[a-z0-9][a-z0-9-]{0,199}$",
        "type": "string",
    }


def test_no_key_may_be_null():
    assert "null" not in str(front_matter_schema())
