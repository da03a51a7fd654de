"""Composes messages: header fields and MIME bodies, from an edition and the values of one recipient.

Here: the message of a send (`composer`), transactional mail, the encoding of bodies and header fields, the cache of what is
the same for several recipients, and DKIM (`dkim`). Not here: Markdown, HTML and templates (`mailer.edition`), and anything that
connects, reads files (but for DKIM keys) or knows the ledger.

Start with `composer`; `encoding` has the invariants of the text on the wire.
"""
