"""Transactional mail: mail to one person, such as a confirmation or a link. Composed here, and delivered in the background of
`serve`.

The queue is in `mailer.ledger.subscribers.transactional_mail_queue`; requests are made in `mailer.service.subscribers`.
Welcomes are sends, and are in `mailer.service.subscribers.welcome`. Start reading in `delivery_job.py`.
"""
