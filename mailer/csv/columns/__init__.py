"""What the columns of a list mean, by their headers: the address, fields, the status, and words of other tools.

Nothing here reads a file. Start with `header_row.py` (`read_columns`).
"""
