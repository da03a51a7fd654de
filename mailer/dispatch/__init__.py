"""Reads dispatches: the Markdown files that editors write.

Text goes in; a `Dispatch` (model.py) and diagnostics with line and column come out. Everything here is pure: no file, network,
clock or database, and nothing that depends on a recipient. Checks of rendered mail belong in mailer/lint/, HTML and
plaintext in mailer/edition/. Start with parse.py, then model.py; front matter, Markdown and template parts have sub-packages.
"""
