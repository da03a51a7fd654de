"""mailer: a newsletter desk in text files."""

__version__ = "0.1.0"
