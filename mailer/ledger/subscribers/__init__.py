"""Members of lists, suppressions, sign-ups, preferences, transactional mail and erasure.

What a list file says comes by `sync`; mail is composed and delivered by `mailer.service`. Start with `members.py` and
`suppressions.py`.
"""
