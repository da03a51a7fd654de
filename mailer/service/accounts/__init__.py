"""How users and programs sign in: passwords, sessions, API tokens, and an identity provider (`oidc/`).

The records of users are in `mailer.ledger.accounts`; pages and throttling are in `mailer.web.desk.accounts`. Start reading in
`passwords.py`.
"""
