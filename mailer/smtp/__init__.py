"""Speaks SMTP with a relay: one connection, one message after another.

Here: opening a connection (`connect`), matching replies to commands (`transport`), sending messages with pipelining
(`session`), what a reply means (`classify`), a small client for transactional mail, and a debug server. Not here: which message
is next, when to retry, the states of a delivery (`mailer.delivery`), and the ledger: a session calls back before it sends.

Start with `session`; the failure policy is the table in `classify`.
"""
