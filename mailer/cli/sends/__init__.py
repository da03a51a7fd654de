"""Commands for sends, a module each, but for `send.py` (send, test) and `pause_and_cancel.py` (pause, cancel).

Start with `send.py`. `plan_confirmation.py` shows and confirms a plan, `run_and_show.py` runs a send and shows its result.
"""
