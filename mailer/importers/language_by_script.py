"""Detects the language of a text by its script, for languages that are written from right to left."""

import re

_LETTER = re.compile(r"[^\W\d_]")
_SCRIPTS = {"he": re.compile(r"[\u05d0-\u05ea]"), "ar": re.compile(r"[\u0620-\u064a\u066e-\u06d3]")}
_PERSIAN = re.compile(r"[پچژگ]")
_URDU = re.compile(r"[ٹڈڑںے]")
_SHARE = 0.5  # of the letters


def language_of(text: str) -> str:
    """Returns he, ar, fa or ur if more than half of the letters are of its script; else ""."""
    letters = len(_LETTER.findall(text))
    for language, script in _SCRIPTS.items():
        if letters and len(script.findall(text)) > letters * _SHARE:
            if language == "ar":
                return "ur" if _URDU.search(text) else "fa" if _PERSIAN.search(text) else "ar"
            return language
    return ""
