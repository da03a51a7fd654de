"""The ledger: the database that proves what happened to every recipient, on SQLite or PostgreSQL.

Here are all tables, all SQL and all transactions. Nothing here opens a connection to a relay, renders a page or reads a list
file. `ledger.py` has the facade; its parts are the packages, bottom up: types, store, then accounts, deliveries and privacy,
webhooks, sends and subscribers, and on top feedback, queue, reports and sync. Start with `ledger.py` and `store/tables.py`.
"""
