"""Counting what a module normalises: a measure of work that does not depend on the machine."""

import unicodedata
from types import ModuleType

import pytest


def count_normalised(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[int]:
    """Returns a list that gets the length of each text that `module` normalises from now on."""
    lengths: list[int] = []

    class Data:
        @staticmethod
        def normalize(form: str, text: str) -> str:
            lengths.append(len(text))
            return unicodedata.normalize(form, text)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "unicodedata", Data)
    return lengths
