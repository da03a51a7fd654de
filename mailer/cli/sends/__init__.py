"""Commands for sends: `send` and `test`, `resume`, `resend` and `resolve`, `status`, `pause` and `cancel`, `report`, `verify`.

Start with `send.py`. `plan.py` shows and confirms a plan, `result.py` runs a send and shows its result.
"""
