"""Reads the Markdown of the body with markdown-it: tokens with positions, links, footnotes, smart punctuation.

No HTML is written here; that is mailer/edition/html/. Start with parser.py, then placeholder_resolution.py.
"""
