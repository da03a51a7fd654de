"""Records, enums and errors of the ledger, which the rest of the program may import.

No SQL and no access to a database: a record is immutable, and its times are seconds since the epoch, UTC. Start with `sends.py`
and `deliveries.py`.
"""
