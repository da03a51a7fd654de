"""Signs messages with DKIM (RFC 6376, RFC 8463).

Here: the signature header fields (`signer`), and keys, their files and DNS records (`keys`). Not here: how a message is
composed, and DNS queries: the records are only written, never looked up.

Start with `signer`.
"""
