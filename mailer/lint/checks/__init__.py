"""The checks, one module for each topic: content, links, size, accessibility, compliance, contrast, client support, message.

A check is a pure function of a LintContext; checks do not depend on each other, and are listed in mailer/lint/run.py. Start
with size.py, a short one.
"""
