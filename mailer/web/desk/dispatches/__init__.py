"""Writing dispatches: the list, the editor, its preview, photos, history, and approvals.

Files are read and written by `mailer.service.dispatches` alone. Sending is in `desk.sends`. Start with `editor.py`.
"""
