"""Languages: translated texts, dates in words, text direction, language tags.

The catalogues are in `locale/`. Start with `translations.py`. Texts of the command line and of the desk are not translated.
"""
