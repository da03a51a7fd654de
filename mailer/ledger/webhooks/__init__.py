"""Webhooks, and the outbox: messages for them, written in the transaction of the event that they report.

No HTTP: `mailer.service.webhooks` delivers the messages. Start with `outbox.py`.
"""
