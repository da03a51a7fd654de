"""The OpenAPI document (3.1) of the API, generated from its routes and their schemas. Pure.

`document` is the JSON that is served; docs/api.md is generated from the same routes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from mailer import __version__
from mailer.ledger.types.accounts import Scope
from mailer.web.api.problem import PROBLEM
from mailer.web.api.request import PREFIX, ApiRoute
from mailer.web.api.schema import Schema
from mailer.web.api.subscribe import Accepted, SignUpRequest

_REF = "#/components/schemas/{model}"
_ABOUT = """\
Everything that the desk does. Make a token with `mailer token add NAME --scope SCOPE`, and send it as
`Authorization: Bearer TOKEN`. Times are ISO 8601 in UTC, empty where there is none. Later versions may add keys."""
_TAGS = {
    "dispatches": "What editors write: files in dispatches/.",
    "sends": "One edition to one audience. A send is made for a time, at the latest for now, and carried by mailer serve.",
    "lists": "Who receives it: files in subscribers/, and what the ledger knows of them.",
    "subscribers": "One person, and what stands against mailing somebody.",
}
_PATHS = {
    "name": ("The name of the dispatch’s file, without .md.", {"type": "string"}, "2026-10-26-east-quay"),
    "send": ("The number of the send.", {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}, 1),
    "list": ("The name of the list.", {"type": "string"}, "readers"),
    "upload": ("The number of the upload.", {"type": "string"}, "5eed" * 8),
    "email": ("The address.", {"type": "string", "minLength": 3, "maxLength": 320}, "ana@example.com"),
}
_ERRORS = {
    400: "The request is not understood: a body that is no JSON, a header that is missing.",
    401: "There is no token, or it holds good no more.",
    403: "The token lacks the scope.",
    404: "There is no such thing.",
    409: "Nothing is wrong, but somebody must decide, or something else must end first.",
    408: "The body took too long to come.",
    412: "It was changed meanwhile; nothing was written.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "What was said cannot be done.",
    428: "The header If-Match is missing.",
    429: "The token asks too often.",
    503: "The ledger cannot be read or written; that often passes.",
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
        "next_step": {"type": "string", "description": "What to do."},
        "error": {"type": "string", "description": "The kind of it, for a program."},
        "send": {"type": "integer", "description": "The earlier send, where that is in the way."},
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
            "next_step": "To mail only those who did not get it: --new-readers; to mail everybody once more: --again",
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
        words = "Made up anew for each thing that is to happen once; the same again gives the same answer, for a week."
        found.append(_header("Idempotency-Key", words, {"type": "string", "pattern": "^[!-~]{1,255}$"}, "5b0c1f7e"))
    if route.if_match_required:
        words = "The ETag of what was read; * for whatever there is."
        found.append(_header("If-Match", words, {"type": "string", "minLength": 1}, "*"))
    return found


def _header(name: str, words: str, schema: Mapping[str, object], example: str) -> dict[str, object]:
    parameter = {"name": name, "in": "header", "required": True, "description": words}
    return {**parameter, "schema": schema, "example": example}


def _response(route: ApiRoute) -> dict[str, object]:
    headers = {
        "RateLimit": {"description": "What is left for this token.", "schema": {"type": "string"}},
        "RateLimit-Policy": {"description": "What it may do.", "schema": {"type": "string"}},
    }
    if route.method == "GET" and route.answer:
        headers["ETag"] = {"description": "Its state; If-None-Match asks for another.", "schema": {"type": "string"}}
    if route.status == 201:
        headers["Location"] = {"description": "Where it is.", "schema": {"type": "string"}}
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
        answers["304"] = {"description": "As If-None-Match has it."}
    return answers


def _error_response(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{status}"}


_FILE = "email,first_name\nana@example.com,Ana\n"
_SIGN_UP = {"schema": {"$ref": _REF.format(model=SignUpRequest.__name__)}}
_SUBSCRIBE: dict[str, object] = {
    "operationId": "post_subscribe",
    "tags": ["subscribers"],
    "summary": "Ask for a list, for somebody",
    "description": (
        "For anybody, without a token: a form of one’s own site. A letter that asks for confirmation goes to the address, "
        "once a day at most; the answer is the same for every address."
    ),
    "security": [],
    "requestBody": {"required": True, "content": {"application/json": _SIGN_UP}},
    "responses": {
        "202": {
            "description": "Taken, whatever is known of the address.",
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=Accepted.__name__)}}},
        },
        **{str(status): _error_response(status) for status in (400, 404, 413, 415, 422, 429, 503)},
    },
}
_ITSELF: dict[str, object] = {
    "operationId": "get_openapi",
    "tags": [],
    "summary": "This document",
    "security": [],
    "responses": {
        "200": {"description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}}}
    },
}
