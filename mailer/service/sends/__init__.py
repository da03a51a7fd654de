"""Sends: planned, started, scheduled, run, watched, reported and verified.

Here the settings, lists, editions and the ledger come together with the sending engine, which is `mailer.delivery`. What
happens before a dispatch can be sent is in `mailer.service.dispatches`. Start reading in `plan.py`, then `start.py` and
`run.py`.
"""
