"""Syncs of list files: staging, comparing and applying their rows, each list in one transaction.

Reading and writing the files is in `mailer.csv` and `mailer.service.lists`. Start with `syncs.py`, then `diff.py`.
"""
