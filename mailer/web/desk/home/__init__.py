"""The first page of the desk.

`dashboard.py` is the page, `open_tasks.py` what waits for a person. Nothing here changes anything: each line is a link to the
page on which one does it.
"""
