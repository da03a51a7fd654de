"""Reads the template parts of a dispatch: `{{ … }}`, `{% if %}` and the expressions in them.

They are parsed, never rendered; values are filled in by mailer/edition/merge_fields.py. Start with lexer.py, then expression.py;
placeholders.py hides the parts from Markdown, conditionals.py builds the tree of `{% if %}` blocks.
"""
