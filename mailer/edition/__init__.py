"""Compiles dispatches into editions: subject, HTML and plaintext that are the same for everybody.

An edition has merge fields where recipients differ, and branches where conditions do; filling them in is string work.
Addresses of recipients, MIME and the network do not belong here; files are read only by images/, template_loader.py and
theme.py. Start with compile.py, then model.py and merge_fields.py; html/ and plaintext/ render the two forms.
"""
