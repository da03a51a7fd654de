"""One subscriber on all lists, with their timeline, and the suppression list: pages for admins.

Members of one list are in `desk.lists`. Start with `detail.py`.
"""
