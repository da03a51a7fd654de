"""The desk: the newsroom in the browser, for signed-in users.

A module declares the endpoints of one subject and its `ROUTES`; its templates are in templates/desk. Sign-in, roles, host and
CSRF checks are the guard's alone, SQL is the ledger's. Start with `route.py` and `request.py` (what an endpoint gets and
returns), then `sends/compose.py`; `routes.py` lists all routes.
"""
