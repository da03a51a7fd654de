"""One subscriber on all lists, with a timeline, and the suppression list: pages for admins.

Members of one list are in `desk.lists`. Start with `detail.py`.
"""
