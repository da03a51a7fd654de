"""The settings of the installation, as an admin changes them without a terminal.

`editable.py` says which settings these are and why the others are not; `change.py` reads them and writes `.env`; `relay_entry.py`
puts a relay together and checks where it is; `relay_check.py` connects to it, signs in and sends a message. Only users who are
admins may get here: the interfaces see to it.
"""
