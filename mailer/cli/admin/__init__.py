"""Commands for access and keys: `user`, `token`, `webhook`, `dkim`. Start with `user.py`, which is like most commands."""
