"""Reads what mail providers report by webhooks: one module a provider; pure, a request in and events out.

Each module verifies that a request comes from its provider, and parses its body. `verify` works on the bytes as they came and
compares in constant time; only a request that passed is parsed. Nothing here fetches, stores or decides. A request may be
malicious: `verify` raises only ProofError, `parse` only PayloadError. Start with `catalogue`, which lists the providers.
"""
