"""Reports on sends: deliveries and attempts, statistics of a running send, and the proof of its invariants.

Everything here only reads. How figures are shown is for `mailer.service.sends`. Start with `deliveries.py`.
"""
