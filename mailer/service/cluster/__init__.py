"""The cluster: `mailer worker` on any number of machines, which share the sends of one PostgreSQL database.

The rows of the ledger are the queue, and its leases decide who sends what. Procrastinate only wakes workers: its jobs may be lost
or doubled. It is imported by `jobs.py` and `worker.py` alone, and never on SQLite. Start with `handover.py`, then `worker.py`.
"""
