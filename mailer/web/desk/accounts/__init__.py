"""Signing in, the user's own settings, and the pages for admins: users, audit log, webhooks.

Hashing passwords, the OIDC protocol and webhook delivery live in `mailer.service`. Start with `signin.py`.
"""
