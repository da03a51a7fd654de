"""Benchmarks of this program, beside other programs where they do the same work.

`python -m benchmarks` runs all parts; `live_page.py`, `preview.py` and `statements.py` are run on their own. Nothing here is
installed with the program. Start with `__main__.py`; `workload.py` makes the dispatch and the lists, `targets.py` has the numbers
to reach.
"""
