"""Reads the front matter, the YAML between two lines of `---`: its keys, its values and the position of each.

No Markdown and no template parts. Start with model.py, which has the keys; parser.py reads and reports.
"""
