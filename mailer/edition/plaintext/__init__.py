"""Renders the plaintext of an edition: blocks before a variant is chosen, wrapped lines afterwards.

No HTML and no MIME. Start with document.py, then markdown_renderer.py and blocks.py; the lines are made by wrap.py, flowed.py and
tables.py.
"""
