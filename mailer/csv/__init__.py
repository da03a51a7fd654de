"""List files: reading CSV of any dialect and encoding, and rewriting it while all other bytes stay.

Nothing here knows the ledger or decides who is mailed: a row has a status, `mailer.ledger.sync` merges it, and
`mailer.ledger.sends.audience_query` decides who is mailed. Start with `reader.py` (`open_list`) and the records of `rows.py`;
`sync_patch.py` writes what a sync changes, `admin_edits.py` what an admin changes.
"""
