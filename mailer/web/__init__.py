"""Everything that is served over HTTP: the public pages, the API, the desk, and the local preview of one dispatch.

Here live requests, responses, sessions, rate limits and the rendering of pages. Decisions do not: an endpoint reads its
request, calls `mailer.service` or the ledger, and renders the result. Nothing in `mailer.cli` is imported. Start with
`app.py`, which assembles the site, and `server.py`, which serves it.
"""
