"""Commands for sends, a module each, but for `send.py` (send, test) and `stop.py` (pause, cancel).

Start with `send.py`. `plan.py` shows and confirms a plan, `result.py` runs a send and shows its result.
"""
