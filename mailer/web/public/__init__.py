"""Pages for readers, which need no sign-in: archive, signing up, unsubscribing, preferences.

They work without scripts and cookies, in the publication's language; a workspace may replace their templates. A link token is
the only credential. Nothing here lists or counts subscribers. Start with `unsubscribe.py`; `page_renderer.py` renders them all.
"""
