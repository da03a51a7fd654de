"""The send queue: what a running send asks of the ledger, batched into few transactions.

Here are claims, the durable mark before end of DATA, and the results. Pace, retries and SMTP are in `mailer.delivery`. Start with
`leased_shard.py`, then `batcher.py`.
"""
