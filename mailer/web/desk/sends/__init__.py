"""Sends: composing and confirming one, test messages, the live page, and the report.

Planning and running a send are in `mailer.service.sends`; nothing here sends mail. Start with `compose.py`; `live.py` and
`live_broadcast.py` are the page that updates itself.
"""
