"""`mailer preview`: one dispatch in the browser of its editor, updated while the file changes.

It is an application of its own, on loopback, without the ledger's server lock; it changes nothing. Rendering is in
`mailer.service.dispatches.preview`. Start with `session.py`.
"""
