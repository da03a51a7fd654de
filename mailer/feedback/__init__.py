"""Reads what comes back: bounces, complaints, automatic replies and unsubscribe requests; pure, bytes in and records out.

Nothing here reads files or opens the ledger. Everything that is read was written by somebody else and may be malicious: no
function raises, and each works within limits. `policy.py` says what follows for a subscriber; `mailer.ledger.feedback` does it.
Start with `reader.py`.
"""
