"""The API where the database does not matter: scopes, cursors, problems, the OpenAPI document."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.ledger.types.roles_and_scopes import Scope
from mailer.web.api.routes import ROUTES
from mailer.web.api.schema import CursorError, make_cursor, read_cursor
from tests.support.apicalls import Asking, fill_workspace, token_of
from tests.support.site import site_in


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        fill_workspace(made)
        yield made


@pytest.fixture
def api(site, visitor):
    return Asking(visitor, token_of(site))


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("dispatches:write", "dispatches:read dispatches:write"),
        ("sends:write", "sends:read sends:test sends:write"),
        ("sends:test", "sends:read sends:test"),
        ("lists:read", "lists:read"),
        ("subscribers:write", "subscribers:read subscribers:write"),
    ],
)
def test_a_scope_covers_the_lesser_ones_of_its_noun(scope, covered):
    assert {each.value for each in Scope if Scope(scope).covers(each)} == set(covered.split())


@given(st.integers(0, 2**63 - 1), st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co", "Z"])))
def test_a_cursor_is_read_back(number, text):
    assert read_cursor(make_cursor(number, text), int, str) == (number, text)


@given(
    st.one_of(
        st.text(min_size=1), st.lists(st.integers() | st.text() | st.none()).map(lambda parts: make_cursor(*parts))
    )
)
def test_an_invalid_cursor_is_refused(text):
    with suppress(CursorError):
        (number,) = read_cursor(text, int)
        assert 0 <= number < 2**63


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "tide.md", "no", "%00", "a" * 300])
def test_only_dispatches_in_their_folder_are_read(api, name):
    for method, path in (("GET", ""), ("GET", "/check"), ("POST", "/letter")):
        answer = api(method, f"/dispatches/{name}{path}", {} if method == "POST" else None)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert api("POST", "/plans", {"dispatch": "../tide", "lists": ["readers"]}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "said"),
    [
        ("GET", "/nothing", {}, 404, "Not found."),
        ("GET", "/sends/99", {}, 404, "no send 99"),
        ("GET", "/sends/x", {}, 404, "Not found."),
        ("GET", "/sends/9999999999999999999", {}, 404, "Not found."),
        ("PATCH", "/sends", {}, 405, "GET, HEAD, POST"),
        ("GET", "/sends?limit=0", {}, 422, "limit"),
        ("GET", "/sends?limit=1&limit=2", {}, 422, "twice"),
        ("GET", "/sends?cursor=x", {}, 422, "cursor: "),
        ("GET", "/sends?page=2", {}, 422, "unknown key"),
        ("GET", "/lists/readers?where=salary", {}, 422, "where: "),
        ("POST", "/plans", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "not JSON"),
        (
            "POST",
            "/plans",
            {"content": b"[" * 50_000, "headers": {"Content-Type": "application/json"}},
            400,
            "not JSON",
        ),
        ("POST", "/plans", {"content": b"a=b"}, 415, "application/json"),
        ("POST", "/plans", {"json": {"dispatch": "tide", "lsits": []}}, 422, "unknown key"),
        ("POST", "/plans", {"json": {"dispatch": "a\0b"}}, 422, "dispatch"),
        ("POST", "/plans", {"json": {"dispatch": "tide", "where": "x" * 70_000}}, 413, "too large"),
        ("POST", "/subscribers/show", {"json": {"email": "a@@b"}}, 422, "@"),
        ("POST", "/subscribe", {"json": {"list": "none", "email": "a@example.org"}}, 404, "no such list"),
        ("GET", "/subscribe", {}, 405, "POST"),
    ],
)
def test_an_error_is_a_problem_document(api, method, path, options, status, said):
    answer = api(method, path, **options)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["type"], said in problem["detail"]) == (status, "about:blank", True), problem
    assert answer.headers["cache-control"] == "no-store"


def test_the_openapi_document_needs_no_token_and_has_no_dead_references(visitor):
    answer = visitor.get("/api/v1/openapi.json")
    document = answer.json()
    assert (answer.status_code, document["openapi"]) == (200, "3.1.0")
    assert document["servers"] == [{"url": "https://letter.example.org/api/v1"}]
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(each.method, each.path) for each in ROUTES} | {
        ("POST", "/subscribe"),
        ("GET", "/openapi.json"),
    }
    referred = {value for key, value in leaves(document) if key == "$ref"}
    assert all(find(document, each) for each in referred)
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids)
    assert visitor.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def leaves(value, key=""):
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, key)
    else:
        yield key, value


def find(document, reference):
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return json.dumps(document)


def test_the_parameters_of_a_query_are_gone_through_once(api, monkeypatch):
    """Looking up each name in all pairs takes quadratic time."""

    def fail(*_arguments):
        raise AssertionError("the pairs are gone through for each name")

    monkeypatch.setattr("starlette.datastructures.ImmutableMultiDict.getlist", fail)
    assert api.get("/dispatches", params={"q": "tide", "limit": "1"}).status_code == 200
