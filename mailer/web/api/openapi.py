"""The OpenAPI document (3.1) of the API, generated from its routes and their schemas. Pure.

`document` is the JSON that is served; docs/api.md is generated from the same routes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from mailer import __version__
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.web.api.problem_details import PREFIX, PROBLEM
from mailer.web.api.request import ApiRoute
from mailer.web.api.schema import Schema
from mailer.web.api.subscribe import Accepted, SignUpRequest

_REF = "#/components/schemas/{model}"
_ABOUT = """\
Everything that the desk can do. Send a token as `Authorization: Bearer TOKEN`; an admin creates tokens. Times are ISO 8601 in
UTC, or empty. Later versions may add keys."""
_TAGS = {
    "dispatches": "The files that editors write.",
    "sends": "A send is one edition sent to one audience. It starts at a given time, or now, and runs in the background.",
    "lists": "The lists of readers: a file each, synced with the database.",
    "subscribers": "The data of one person, the suppression list, and what came back.",
}
_PATHS = {
    "name": ("The name of the dispatch’s file, without .md.", {"type": "string"}, "2026-10-26-east-quay"),
    "send": ("The number of the send.", {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}, 1),
    "list": ("The name of the list.", {"type": "string"}, "readers"),
    "feedback": ("The number of the feedback.", {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}, 1),
    "upload": ("The number of the upload.", {"type": "string"}, "5eed" * 8),
}
_ERRORS = {
    400: "The request is malformed: the body is not JSON, or a header is missing.",
    401: "The token is missing, unknown, revoked, or its last day is over.",
    403: "The token lacks the scope, or the client is outside of the networks of the token.",
    404: "Not found.",
    409: "The request needs a decision first, or something else must end first.",
    408: "The body was not received in time.",
    412: "It changed since it was read; nothing was written.",
    413: "The body is too large.",
    415: "The content type of the body is not supported.",
    422: "The parameters or the body are not valid, or the action is not possible.",
    428: "The header If-Match is missing.",
    429: "The rate limit of the token is reached.",
    503: "The database is not available at the moment.",
}
_PROBLEM = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong."},
        "next_step": {"type": "string", "description": "What to do: a request, or a field to change."},
        "error": {"type": "string", "description": "The kind of error, for programs."},
        "send": {"type": "integer", "description": "The number of the earlier send, if there is one."},
        "problems": {
            "type": "array",
            "description": "The findings of a dispatch with errors.",
            "items": {"$ref": _REF.format(model="Finding")},
        },
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Conflict",
            "status": 409,
            "detail": "“2026-10-26-east-quay” was already sent to readers: send 12, finished.",
            "next_step": 'Set "repeat" to "new-readers" to send only to readers who did not get it, or to "again" to send '
            "to all.",
            "error": "already-sent",
            "send": 12,
        }
    ],
}


def document(routes: Iterable[ApiRoute], base_url: str) -> str:
    """Returns the document as JSON."""
    routes = tuple(routes)
    schemas_used: set[type[Schema]] = {SignUpRequest, Accepted}
    schemas_used |= {schema_class for route in routes for schema_class in (route.answer, route.body) if schema_class}
    ordered = sorted(schemas_used, key=lambda schema_class: schema_class.__name__)
    _, schemas = models_json_schema([(schema_class, "validation") for schema_class in ordered], ref_template=_REF)
    paths: dict[str, dict[str, object]] = {"/subscribe": {"post": _SUBSCRIBE}, "/openapi.json": {"get": _ITSELF}}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    content = {
        "openapi": "3.1.0",
        "info": {
            "title": "mailer",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base_url.rstrip("/") + PREFIX}],
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **schemas["$defs"]},
            "responses": {
                str(status): {
                    "description": words,
                    "content": {PROBLEM: {"schema": {"$ref": _REF.format(model="Problem")}}},
                }
                for status, words in _ERRORS.items()
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": f"Scopes: {', '.join(Scope)}."}
            },
        },
    }
    return json.dumps(content, ensure_ascii=False)


def _operation(route: ApiRoute) -> dict[str, object]:
    text = " ".join((route.endpoint.__doc__ or "").split())
    operation: dict[str, object] = {
        "operationId": _operation_id(route),
        "tags": [route.scope.noun],
        "summary": text.split(". ")[0].rstrip("."),
        "description": f"{text}\n\nScope: `{route.scope}`.",
        "security": [{"token": [route.scope.value]}],
        "parameters": [*_path(route), *_query(route.query), *_headers(route)],
        "responses": {str(route.status): _response(route), **_error_responses(route)},
    }
    if route.body:
        schema = {"$ref": _REF.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.takes:
        operation["requestBody"] = {
            "required": True,
            "content": {route.takes: {"schema": {"type": "string", "examples": [_FILE]}}},
        }
    return operation


def _operation_id(route: ApiRoute) -> str:
    words = [word for word in route.path.split("/") if word and not word.startswith("{")]
    of_one = "one_" if route.path.endswith("}") else ""
    return f"{route.method.lower()}_{of_one}{'_'.join(words)}"


def _path(route: ApiRoute) -> list[dict[str, object]]:
    found = []
    for name in re.findall(r"\{(\w+)\}", route.path):
        words, schema, example = _PATHS[name]
        found.append(
            {"name": name, "in": "path", "required": True, "description": words, "schema": schema, "example": example}
        )
    return found


def _query(schema_class: type[Schema]) -> list[dict[str, object]]:
    json_schema = schema_class.model_json_schema()
    found = []
    for name, field in json_schema.get("properties", {}).items():
        words = field.pop("description", "")
        schema = _resolved(field, json_schema.get("$defs", {}))
        given = [
            each for each in schema.get("anyOf", []) if each != {"type": "null"}
        ]  # a parameter that is missing is null
        found.append({"name": name, "in": "query", "description": words, "schema": given[0] if given else schema})
    return found


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Returns `schema` with each `$ref` replaced by the schema that it refers to."""
    if isinstance(schema, list):
        return [_resolved(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _resolved(value, definitions) for key, value in schema.items()}


def _headers(route: ApiRoute) -> list[dict[str, object]]:
    found = []
    if route.idempotent:
        words = (
            "A new key for each send. For a week, a request with the same key gets the same answer and does nothing."
        )
        found.append(_header("Idempotency-Key", words, {"type": "string", "pattern": "^[!-~]{1,255}$"}, "5b0c1f7e"))
    if route.if_match_required:
        words = "The ETag of the version that was read; * for any version."
        found.append(_header("If-Match", words, {"type": "string", "minLength": 1}, "*"))
    return found


def _header(name: str, words: str, schema: Mapping[str, object], example: str) -> dict[str, object]:
    parameter = {"name": name, "in": "header", "required": True, "description": words}
    return {**parameter, "schema": schema, "example": example}


def _response(route: ApiRoute) -> dict[str, object]:
    headers = {
        "RateLimit": {"description": "The requests that remain for this token.", "schema": {"type": "string"}},
        "RateLimit-Policy": {"description": "The rate limit of this token.", "schema": {"type": "string"}},
    }
    if route.method == "GET" and route.answer:
        headers["ETag"] = {
            "description": "Identifies this version, for If-None-Match and If-Match.",
            "schema": {"type": "string"},
        }
    if route.status == 201:
        headers["Location"] = {"description": "The URL of the new resource.", "schema": {"type": "string"}}
    if route.answer is None:
        return {"description": "The file.", "headers": headers, "content": {"text/csv": {"schema": {"type": "string"}}}}
    content = {"application/json": {"schema": {"$ref": _REF.format(model=route.answer.__name__)}}}
    words = " ".join((route.answer.__doc__ or "").split()) or "Done."
    return {"description": words, "headers": headers, "content": content}


def _error_responses(route: ApiRoute) -> dict[str, object]:
    """Returns the error responses of a route: by its method, its path, its body."""
    statuses = {401, 403, 422, 429, 503}
    statuses |= {404} if "{" in route.path or route.body else set()
    statuses |= {400, 408, 413, 415} if route.body or route.takes else set()
    statuses |= {400} if route.idempotent else set()
    statuses |= {409} if route.method != "GET" else set()
    statuses |= {412, 428} if route.if_match_required else set()
    answers: dict[str, object] = {str(status): _error_response(status) for status in sorted(statuses)}
    if route.method == "GET" and route.answer:
        answers["304"] = {"description": "Unchanged since the version in If-None-Match."}
    return answers


def _error_response(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{status}"}


_FILE = "email,first_name\nana@example.com,Ana\n"
_SIGN_UP = {"schema": {"$ref": _REF.format(model=SignUpRequest.__name__)}}
_SUBSCRIBE: dict[str, object] = {
    "operationId": "post_subscribe",
    "tags": ["subscribers"],
    "summary": "Sign up for a list",
    "description": (
        "For forms of your own site; needs no token. A message that asks for confirmation is sent to the address, "
        "at most once a day. The answer is the same for every address."
    ),
    "security": [],
    "requestBody": {"required": True, "content": {"application/json": _SIGN_UP}},
    "responses": {
        "202": {
            "description": "Accepted; the answer is the same for every address.",
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=Accepted.__name__)}}},
        },
        **{str(status): _error_response(status) for status in (400, 403, 404, 413, 415, 422, 429, 503)},
    },
}
_ITSELF: dict[str, object] = {
    "operationId": "get_openapi",
    "tags": [],
    "summary": "Get this document",
    "security": [],
    "responses": {
        "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
    },
}
