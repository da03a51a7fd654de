"""Lists: their CSV files, synchronised with the ledger.

All that reads or changes a list file on behalf of a person is here: sync and undo, edits by hand, uploads, export, and finding
recipients. The CSV format itself is in `mailer.csv`, the merge in `mailer.ledger.sync`. What subscribers do for themselves is
in `mailer.service.subscribers`. Start reading in `sync.py`.
"""
