"""The public archive: pages and feeds of what was sent, corrections, and an export to files.

Here is what anybody may read. The routes are in `mailer.web.public.archive`. Start reading in `pages.py`.
"""
