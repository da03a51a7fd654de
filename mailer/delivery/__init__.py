"""Runs a send: claims deliveries, sends them over several connections, and decides what each result means.

Here: the sender and its connection loops, the choice of relays, rate limits, retries, the warm-up plan, the breaker, and the
states of sends and deliveries. Not here: SMTP commands and reply codes (`mailer.smtp`), the content of a message
(`mailer.mime`), SQL (`mailer.ledger`, which implements the port `DeliveryQueue`), and files, settings or the command line.

Start with `types` (the records and the port) and `states`; then `sender` for the loops and `result_policy` for what happens
after an attempt.
"""
