"""The users of the desk, their sessions, API tokens and idempotency keys, the audit log, and revisions of dispatches.

Passwords, tokens and links come as hashes or digests: nothing here can be used by somebody who reads the database.
Which role may do what is decided in `mailer.web`. Start with `users.py`.
"""
