"""Imports dispatches of before: plain text, HTML pages and e-mail messages become dispatch files.

Pure: bytes or text in, an `ImportedDispatch` and its doubts out; reading and writing files is the task of
mailer/service/dispatches/import_past_issues.py. Nothing is guessed silently: uncertain text is kept and reported. Start with
file_reader.py and paragraphs.py, then issue_structure.py, which recognises the parts; dispatch_writer.py writes the result.
"""
