"""What came back, in the ledger: taken in once, followed by a suppression or not, and shown.

`mailer.feedback.policy` says what follows; `intake.py` records it, `log.py` reads it and records what people decide.
`provider_tokens.py` remembers the tokens of requests whose signature does not cover the body. Start with `intake.py`.
"""
