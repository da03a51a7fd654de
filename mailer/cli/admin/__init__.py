"""Commands for access and keys: `user`, `token`, `webhook`, `dkim`."""
