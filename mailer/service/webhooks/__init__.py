"""Webhooks: URLs that are notified of events, as JSON signed by Standard Webhooks 1.0.

Managed by people in `manage.py`, delivered by `delivery.py`, in the background by `delivery_job.py`. Events are enqueued by
`mailer.ledger.webhooks.outbox` within the transactions that cause them. Start reading in `delivery.py`.
"""
