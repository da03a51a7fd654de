"""Policies about subscribers as pure functions: segments, the merge of statuses, list settings, mailed unsubscribe requests.

No SQL and no network; `ledger` and `service` apply the decisions. Start with `status_merge.py`, the policy of a sync, and
`segments.py`, the language of `--where`.
"""
