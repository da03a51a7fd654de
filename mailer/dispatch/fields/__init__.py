"""Reads the fields of a dispatch for a form, and writes what was changed in the form into its source.

Pure: texts with \\n as line ends go in and come out. A field that was not changed keeps its bytes, and so do comments, order
and quotes.
Start with merge.py; front_matter_edit.py and article_edit.py write into the two kinds of fields.
"""
