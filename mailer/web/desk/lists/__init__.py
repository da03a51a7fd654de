"""Lists: overview, members, settings, syncing the file, and importing an upload.

One subscriber on all lists is in `desk.subscribers`. Parsing CSV and merging live elsewhere (`mailer.csv`,
`mailer.ledger.sync`). Start with `overview.py`.
"""
