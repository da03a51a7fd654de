"""The database itself: connections, schema, the writer thread, locks, leases and the rollback guard.

Nothing here knows what a send or a subscriber means; that is for the packages above. SQL that only one of the two databases
understands is written here. Start with `tables.py`, then `writer_thread.py`.
"""
