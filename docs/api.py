"""Write docs/api.md from the OpenAPI document of the API: .venv/bin/python docs/api.py"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailer.ledger.types.roles_and_scopes import Scope
from mailer.web.api.guard import BY_TOKEN
from mailer.web.api.openapi import document
from mailer.web.api.routes import ROUTES

TARGET = Path(__file__).with_suffix(".md")
INTRODUCTION = """\
# The API

For engineers whose programs write dispatches, send, or manage lists. After reading this page you can make each call.
`mailer serve` serves the API at `/api/v1`; it can do everything that the desk can do. This page is generated from the OpenAPI
document at `/api/v1/openapi.json` by `.venv/bin/python docs/api.py`.

```sh
mailer token add "The site" --scope sends:write --scope lists:read    # prints the token, only once
mailer token list
mailer token revoke "The site"
```

```sh
curl -H "Authorization: Bearer $TOKEN" https://letter.example.org/api/v1/sends
```

A token belongs to a program, not to a person. The database stores only its digest. The desk’s activity log shows what each
token did. Serve the API over https. Admins also create and revoke tokens at the desk, under Settings.

A token can have a last day and networks: `mailer token add crm --scope lists:read --until 2027-01-31 --network 203.0.113.0/24`.
After that day, in `MAILER_TIMEZONE`, the answer is 401; from anywhere else it is 403, with the client’s address. Behind a web
server, this needs `MAILER_TRUSTED_PROXIES`. The activity log has each refused token once an hour.

| scope | lets a program |
|---|---|
{scopes}

**Errors** are problem documents (RFC 9457, `application/problem+json`): `detail` says what is wrong, `next_step` what to do,
`error` is the kind of error. For a dispatch with errors, `problems` lists the findings.

**Idempotency**: `POST /sends`, `/tests` and `/sends/{{send}}/resend` need a header `Idempotency-Key`, a new one for each send.
For a week, a request with the same key and body gets the same answer and does nothing; with a different body it is refused with
422. After a refused request its key can be used again. If a request was interrupted, the answer is 409: look under `/sends`
whether the send was created.

**Sending** takes two calls. `POST /plans` returns the edition, the number of recipients and the warnings; it counts readers,
so it needs the scope `lists:read` as well. `POST /sends` names the digest of that edition, and should name the number of
`readers`; anything else is refused. `accept_warnings` accepts warnings. If `MAILER_APPROVAL` is set, another editor must
approve the edition at the desk first. `mailer serve` runs the send.

**Pages**: read a list with `limit` and, from the second page on, with `cursor`, which is `next` of the previous page. Items
that are added meanwhile cause no repetitions and no gaps.

**Readers** are named and searched for in the body of a POST or PATCH, so that no log of a web server contains an address.

**Versions**: each answer to a GET has an `ETag`; a request with `If-None-Match` gets 304 if nothing changed. Writing a dispatch
needs `If-Match`; the answer is 412 if the dispatch was changed meanwhile.

**Rate limit**: {burst} requests at once, then {rate} a second for each token. The header `RateLimit` shows what remains, and
`Retry-After` of a 429 how long to wait.

**Checks**: two dispatches are checked at a time, each by one request, and eight more requests wait; one more gets 503. A check
ends when its client disconnects.

`POST /subscribe` is for forms of your own site and needs no token: [readers.md](readers.md#sign-ups-by-api).
"""
SCOPES = {
    Scope.DISPATCHES_READ: "read dispatches, check and render them",
    Scope.DISPATCHES_WRITE: "also create and change them",
    Scope.SENDS_READ: "read sends and the result of each recipient",
    Scope.SENDS_TEST: "read sends without their recipients, and send tests to users of the desk",
    Scope.SENDS_WRITE: "also send to readers and tests to anyone, pause, resume, cancel, decide uncertain deliveries",
    Scope.LISTS_READ: "read lists and their members",
    Scope.LISTS_WRITE: "also change and sync them, undo syncs, import files",
    Scope.SUBSCRIBERS_READ: "read everything known of a person, and the suppression list",
    Scope.SUBSCRIBERS_WRITE: "also unsubscribe, suppress and erase",
}


def page() -> str:
    """Returns the text of docs/api.md."""
    openapi = json.loads(document(ROUTES, "https://letter.example.org"))
    openapi = _with_words(openapi, openapi["components"]["schemas"])
    scopes = "\n".join(f"| `{scope}` | {words} |" for scope, words in SCOPES.items())
    parts = [INTRODUCTION.format(scopes=scopes, burst=BY_TOKEN.burst, rate=round(1 / BY_TOKEN.every))]
    schemas = openapi["components"]["schemas"]
    for tag in openapi["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
        for path, methods in openapi["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"]:
                    parts.append("\n".join(_operation(method.upper(), path, operation, schemas)))
    parts.append("## Answers\n")
    parts += ["\n".join(_shape(name, schemas)) for name in _answers(openapi)]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method} {path}`\n"
    yield f"{operation.get('description') or operation['summary'] + '.'}\n"
    asked = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    if asked:
        yield "| query | type | meaning |\n|---|---|---|"
        yield from (_row(each["name"], each["schema"], each["description"]) for each in asked)
        yield ""
    content = operation.get("requestBody", {}).get("content", {})
    if "text/csv" in content:
        yield "The body is the file, `text/csv`, at most 64 MB.\n"
    elif content:
        schema = schemas[_name(content["application/json"]["schema"])]
        yield "| body | type | meaning |\n|---|---|---|"
        required = schema.get("required", [])
        for key, value in schema["properties"].items():
            yield _row(key, value, ("Required. " if key in required else "") + value.get("description", ""))
        yield f"\n```json\n{json.dumps(schema['examples'][0], ensure_ascii=False)}\n```\n"
    done = [_answer(status, each) for status, each in operation["responses"].items() if status < "3"]
    refused = sorted(status for status in operation["responses"] if status >= "4")
    yield f"Answers: {', '.join(done)}. Errors: {', '.join(refused)}.\n"


def _answer(status: str, response: dict[str, Any]) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return f"{status} [{_name(schema)}](#answer-{_name(schema).lower()})" if "$ref" in schema else status


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


def _with_words(value: Any, schemas: dict[str, Any]) -> Any:
    """Returns `value` with the words themselves in place of each reference to an enumeration."""
    if isinstance(value, list):
        return [_with_words(each, schemas) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value and "enum" in (known := schemas.get(_name(value), {})):
        return {"enum": known["enum"], **{key: each for key, each in value.items() if key != "$ref"}}
    return {key: _with_words(each, schemas) for key, each in value.items()}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from [each] if key == "$ref" else _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _shape(name: str, schemas: dict[str, Any]) -> Iterator[str]:
    schema = schemas[name]
    yield f"### Answer {name}\n"
    if words := " ".join(schema.get("description", "").split()):
        yield f"{words}\n"
    yield "| key | type | meaning |\n|---|---|---|"
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
