"""What subscribers do for themselves: sign up, confirm, unsubscribe, change preferences or address, see and erase their data.

Each change is one transaction in `mailer.ledger.subscribers`. Tokens are checked here; pages and forms are in
`mailer.web.public`. What an admin does to a list is in `mailer.service.lists.member_edits`. Start reading in `unsubscribe.py`.
"""
