"""Dispatches: the Markdown files that editors write, up to the edition that is ready to be sent.

Files and their creation, checking and compiling, previews, photos, approvals. Parsing is in `mailer.dispatch`, compiling in
`mailer.edition`, the rules in `mailer.lint`; here they get their context: the workspace, its lists and its ledger. Sending is
in `mailer.service.sends`. Start reading in `check_and_compile.py`.
"""
