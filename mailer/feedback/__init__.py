"""Reads what comes back: bounces, complaints, automatic replies and unsubscribe requests; pure, bytes in and records out.

Nothing here reads files, opens the ledger or decides what happens to a subscriber. Everything that is read was written by
somebody else and may be malicious: no function raises, and each works within limits. Start with `reader`.
"""
