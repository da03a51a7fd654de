"""The settings of a workspace, from the environment and `.env`.

The class `Settings` and `load_settings` are in `settings.py`, the parser of each kind of value in `parsers.py`, the masking
of secrets in `secret_masking.py`. A new setting is a field of `Settings` and an entry in `.env.example`; a test compares
them. Settings that belong to one list are in `audience/list_settings.py`.
"""
