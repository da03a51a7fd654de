"""Write docs/api.md from the OpenAPI document of the API: python docs/api.py"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailer.ledger.types.accounts import Scope
from mailer.web.api.guard import BY_TOKEN
from mailer.web.api.openapi import document
from mailer.web.api.routes import ROUTES

TARGET = Path(__file__).with_suffix(".md")
INTRODUCTION = """\
# The API

`mailer serve` answers programs at `/api/v1`, with everything that the desk does. This page is made from the OpenAPI
document that it serves at `/api/v1/openapi.json`, by `python docs/api.py`.

```sh
mailer token add "The site" --scope sends:write --scope lists:read    # prints the token, this once
mailer token list
mailer token revoke "The site"
```

```sh
curl -H "Authorization: Bearer $TOKEN" https://letter.example.org/api/v1/sends
```

A token is for a program, not for a person; the ledger keeps a digest of it alone. What it does stands in the desk’s “Who did
what”, as done by the API. Serve the API by https.

| scope | lets a program |
|---|---|
{scopes}

**What goes wrong** is a problem of RFC 9457, `application/problem+json`: `detail` says it in a sentence, `next_step` what to do,
`error` names the kind of it. A dispatch with errors has its findings under `problems`.

**What must happen once** (`POST /sends`, `/tests`, `/sends/{{send}}/resend`) needs a header `Idempotency-Key`, made up anew for
each thing. Asked again with the same key, the answer is the same for a week, and nothing is done; another body under the same
key is refused with 422. What was refused was not done, and its key may be used again. After an interruption nobody can know,
and 409 says so: look under `/sends`.

**A send** is made by two calls: `POST /plans` tells the edition, how many would get it, and what there is to look at;
`POST /sends` names the digest of that edition, and better the number of `readers`, too, and refuses anything else. Warnings
are accepted with `accept_warnings`. `MAILER_APPROVAL` holds here, too: somebody approves the edition at the desk. The send is
made for its time, at the latest for now, and `mailer serve` carries it, as it does what is to go on.

**Pages**: a list is read with `limit` and, from the second page on, `cursor`, which is `next` of the page before. Nothing is
told twice or left out because something was added meanwhile.

**Changes meanwhile**: each answer to a GET has an `ETag`; with `If-None-Match` what is known already is answered by 304.
Writing a dispatch needs `If-Match`, and 412 says that somebody else was quicker.

**How often**: {burst} requests at once, then {rate} a second for each token; `RateLimit` tells what is left, and 429 how long
to wait.

`POST /subscribe` is for forms of one’s own site, and needs no token: [readers.md](readers.md#sign-ups-by-api).
"""
SCOPES = {
    Scope.DISPATCHES_READ: "read dispatches, their findings and letters",
    Scope.DISPATCHES_WRITE: "that, and write them",
    Scope.SENDS_READ: "see how sends stand, and what became of each recipient",
    Scope.SENDS_TEST: "that, and send tests",
    Scope.SENDS_WRITE: "that, and send to readers, pause, cancel, decide",
    Scope.LISTS_READ: "read lists and their members",
    Scope.LISTS_WRITE: "that, and change, sync and undo them",
    Scope.SUBSCRIBERS_READ: "read everything known of a person, and who is not mailed",
    Scope.SUBSCRIBERS_WRITE: "that, and unsubscribe, suppress, erase",
}


def page() -> str:
    """Returns the text of docs/api.md."""
    openapi = json.loads(document(ROUTES, "https://letter.example.org"))
    scopes = "\n".join(f"| `{scope}` | {words} |" for scope, words in SCOPES.items())
    parts = [INTRODUCTION.format(scopes=scopes, burst=BY_TOKEN.burst, rate=round(1 / BY_TOKEN.every))]
    schemas = openapi["components"]["schemas"]
    for tag in openapi["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
        for path, methods in openapi["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    parts.append("\n".join(_operation(method.upper(), path, operation, schemas)))
    parts.append("## What is answered\n")
    parts += ["\n".join(_shape(name, schemas)) for name in _answers(openapi)]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield f"{operation.get('description') or operation['summary'] + '.'}\n"
    asked = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    if asked:
        yield "| query | type | what |\n|---|---|---|"
        yield from (_row(each["name"], each["schema"], each["description"]) for each in asked)
        yield ""
    content = operation.get("requestBody", {}).get("content", {})
    if "text/csv" in content:
        yield "The body is the file, `text/csv`, at most 64 MB.\n"
    elif content:
        schema = schemas[_name(content["application/json"]["schema"])]
        yield "| body | type | what |\n|---|---|---|"
        required = schema.get("required", [])
        for key, value in schema["properties"].items():
            yield _row(key, value, ("Required. " if key in required else "") + value.get("description", ""))
        yield f"\n```json\n{json.dumps(schema['examples'][0], ensure_ascii=False)}\n```\n"
    done = [_answer(status, each) for status, each in operation["responses"].items() if status < "3"]
    refused = sorted(status for status in operation["responses"] if status >= "4")
    yield f"Answers {', '.join(done)}; or refuses with {', '.join(refused)}.\n"


def _answer(status: str, response: dict[str, Any]) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return f"{status} [{_name(schema)}](#{_name(schema).lower()})" if "$ref" in schema else status


def _answers(openapi: dict[str, Any]) -> list[str]:
    """Returns the schemas of responses, and those that they contain."""
    wanted: list[str] = []
    found = [
        _name(response["content"]["application/json"]["schema"])
        for methods in openapi["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        if "$ref" in response.get("content", {}).get("application/json", {}).get("schema", {})
    ]
    while found:
        name = found.pop(0)
        if name not in wanted and "properties" in openapi["components"]["schemas"][name]:
            wanted.append(name)
            found += [_name({"$ref": each}) for each in _references(openapi["components"]["schemas"][name])]
    return sorted(wanted)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from [each] if key == "$ref" else _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _shape(name: str, schemas: dict[str, Any]) -> Iterator[str]:
    schema = schemas[name]
    yield f"### {name}\n"
    if words := " ".join(schema.get("description", "").split()):
        yield f"{words}\n"
    yield "| key | type | what |\n|---|---|---|"
    yield from (_row(key, value, value.get("description", "")) for key, value in schema["properties"].items())
    yield ""


def _row(key: str, schema: dict[str, Any], words: str) -> str:
    return f"| `{key}` | {_type(schema)} | {words.strip().replace('|', chr(92) + '|')} |"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("const") or schema["type"])


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
