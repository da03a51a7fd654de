"""Reads image files and prepares them for an edition.

loader.py reads a file and runs decoder.py on it, in a process of its own with limits. No other module decodes an image.
Start with loader.py.
"""
