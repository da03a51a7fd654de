"""Pseudonyms of erased subscribers, and the chain of addresses that one subscriber had.

The erasure itself is in `subscribers/erasure.py`, because it changes their tables. Start with `pseudonyms.py`.
"""
