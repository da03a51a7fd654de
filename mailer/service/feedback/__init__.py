"""What came back: where it is found, and what is done about it. `mailer.feedback` says what a message is.

Start reading in `message_files.py`.
"""
