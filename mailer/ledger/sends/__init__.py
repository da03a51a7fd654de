"""Sends and what belongs to them: their creation, audience, editions, approvals, recovery and warm-up.

Running a send is in `queue`; a single delivery changes its state by `deliveries`. Start with `sends.py`, then `create.py`.
"""
