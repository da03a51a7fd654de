"""The settings of the installation, for admins.

`settings.py` has the page and its forms, `labels.py` the words for each setting. What may be changed, and how, is decided in
`service/installation`.
"""
