"""The shelf of the desk: copies of dispatches, their names, templates of one's own, and the bin.

What a dispatch says is read and written by `mailer.service.dispatches`; here, files are copied, renamed and removed. Start with
`copies.py`.
"""
