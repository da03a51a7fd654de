"""The HTTP API under /api/v1, for other programs with a token.

One module per resource declares its schemas, its endpoints and its `ROUTES`; authentication, validation and idempotency are
the guard's alone. Business rules live in `mailer.service`. Start with `request.py` (what an endpoint gets and returns), then
`guard.py`; `sends.py` is a typical resource.
"""
