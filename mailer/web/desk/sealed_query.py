"""Sealed queries: what names or searches for readers in a URL of the desk, so that no log of a web server contains an address.

    seal_query(keys, email="ana@example.com")   -> "s=JZ0…", for a link
    read_query(keys, request.query_params)      -> all parameters, with those that were sealed

A sealed query is encrypted under the first secret key. It is no permission: a page needs a user with its role all the same.
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import ImmutableMultiDict, QueryParams

from mailer.errors import UsageError
from mailer.link_tokens import TokenKeys

_SEALED = "s"  # the parameter


def seal_query(keys: TokenKeys, **values: str) -> str:
    """Returns the query of a URL that stands for `values`."""
    return seal_pairs(keys, values.items())


def seal_pairs(keys: TokenKeys, pairs: Iterable[tuple[str, str]]) -> str:
    """Returns the query of a URL that stands for `pairs` of names and values."""
    return f"{_SEALED}={keys.seal_text(urlencode(list(pairs), errors='surrogatepass'))}"


def read_query(keys: TokenKeys, query: QueryParams) -> ImmutableMultiDict[str, str]:
    """Returns the parameters of `query`, and those that are sealed in it. Raises UsageError for a seal of another key."""
    if _SEALED not in query:
        return query
    text = keys.open_text(query[_SEALED])
    if text is None:
        raise UsageError("This link is no longer valid.", "Go back to Lists, and search again.")
    plain = [each for each in query.multi_items() if each[0] != _SEALED]
    return ImmutableMultiDict([*plain, *parse_qsl(text, keep_blank_values=True, errors="surrogatepass")])
