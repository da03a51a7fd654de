"""Names of lists and readers as they are typed: `--to a,b --to c`."""

from collections.abc import Iterable


def list_names(given: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in order; an option may be repeated and hold several, with commas between."""
    names = (name.strip().removesuffix(".csv") for text in given for name in text.split(","))
    return tuple(dict.fromkeys(name for name in names if name))
