"""The theme of an edition: colours, fonts, sizes and layout options, from TOML files among the templates.

    load_theme(folders) -> Theme

`theme.toml` names one of `themes/` and overrides parts of it; of each file the first folder that has one wins. All
faults are reported at once, each with its file and line. A theme that was loaded is readable: its texts reach WCAG AA,
4.5 to 1, on each of its backgrounds, in the light and in the dark.

Raises ThemeError.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from PIL import ImageColor
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails

from mailer.dispatch.did_you_mean import suggest
from mailer.edition.colour import Colour, contrast_ratio
from mailer.edition.template_loader import LayoutError

CONTRAST = 4.5
"""The least contrast of normal text (WCAG 2.2, 1.4.3)."""

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_EXTREMES = {"#000000": "#101214", "#ffffff": "#fefefe"}
_FAMILY = re.compile(r"[A-Za-z0-9À-ɏ -]{1,60}")
_GENERIC = frozenset({"serif", "sans-serif", "monospace", "system-ui", "cursive", "fantasy"})
_WINDOWS = frozenset(
    {
        "Arial", "Book Antiqua", "Calibri", "Cambria", "Consolas", "Constantia", "Corbel", "Courier New", "Garamond", "Georgia",
        "Palatino Linotype", "Segoe UI", "Tahoma", "Times New Roman", "Trebuchet MS", "Verdana",
    }
)  # fmt: skip
_IDENTIFIER = re.compile(r"-?[A-Za-z][A-Za-z0-9-]*")
_THEME_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_TABLE = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class ThemeFault:
    """A fault of a theme, and its position."""

    path: Path
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.words}"


class ThemeError(LayoutError):
    """A theme is faulty; the message has a line for each of `faults`."""

    def __init__(
        self,
        faults: Iterable[ThemeFault],
        next_step: str = "Correct the theme; docs/templates.md describes what it may contain.",
    ) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        super().__init__("\n".join(map(str, self.faults)), next_step)


def _colour(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(_NO_COLOUR)  # noqa: TRY004 - pydantic takes ValueError for a finding
    if not _HEX.fullmatch(value.strip()):
        raise ValueError(f"“{value[:40]}” is not a colour; {_known_colour(value) or _EXPECTED_COLOUR}")
    digits = value.strip()[1:].lower()
    colour = "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))
    if colour in _EXTREMES:
        raise ValueError(f"{colour} is inverted by mail programs in dark mode; use {_EXTREMES[colour]}")
    return colour


_EXPECTED_COLOUR = "write one such as #17506b"
_NO_COLOUR = f"not a colour; {_EXPECTED_COLOUR}, in quotation marks"


def _known_colour(value: str) -> str:
    name = value.strip().lower().removeprefix("#")
    if re.fullmatch(r"[0-9a-f]{3}|[0-9a-f]{6}", name):
        return f"did you mean “#{name}”?"
    if name in ImageColor.colormap:
        known = ImageColor.colormap[name]
        found = known if isinstance(known, str) else "#{:02x}{:02x}{:02x}".format(*known)
        return f"did you mean “{_EXTREMES.get(found, found)}”?"
    return ""


def _family(value: object) -> str:
    if not isinstance(value, str) or not _FAMILY.fullmatch(value.strip()):
        raise ValueError("not the name of a font; use letters, digits, spaces and hyphens")
    return value.strip()


def _sibling_file(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not 0 < len(value) <= 200 or value.startswith("/") or "\0" in value:
        raise ValueError("not the name of a file in the folder of theme.toml")
    return Path((info.context or {})["folder"]) / value


HexColour = Annotated[str, BeforeValidator(_colour)]
Family = Annotated[str, BeforeValidator(_family)]
Families = Annotated[tuple[Family, ...], Field(min_length=1, max_length=12)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class Palette(_Table):
    """The colours of one scheme. `canvas` is behind the message, `paper` under its text, `wash` under boxes."""

    canvas: HexColour
    paper: HexColour
    wash: HexColour
    ink: HexColour
    muted: HexColour
    accent: HexColour
    on_accent: HexColour
    line: HexColour


class Fonts(_Table):
    """`read` for running text, `title` for headlines, `look` for small print; `right_to_left` for Hebrew and Arabic."""

    read: Families
    title: Families
    look: Families
    code: Families
    right_to_left: Families


class Sizes(_Table):
    """In pixels, but for `weight`, that of headlines. On phones headlines are a step smaller."""

    column: int = Field(ge=480, le=680)
    text: int = Field(ge=14, le=22)
    small: int = Field(ge=12, le=16)
    headline: int = Field(ge=20, le=60)
    title: int = Field(ge=18, le=40)
    weight: int = Field(ge=300, le=800, multiple_of=100)
    radius: int = Field(ge=0, le=24)


class LayoutOptions(_Table):
    """The layout of masthead, contents, entries of the contents if articles have images, and articles."""

    masthead: Literal["rule", "centre", "band"]
    contents: Literal["box", "list"]
    entries: Literal["list", "cards"] = "list"
    articles: Literal["rules", "space", "cards"]


class Logo(_Table):
    """An image in the place of the publication's name: a file in the folder of theme.toml, shown `width` pixels wide.

    `dark_file` is shown in its place in dark mode.
    """

    file: Annotated[Path, BeforeValidator(_sibling_file)]
    dark_file: Annotated[Path, BeforeValidator(_sibling_file)] | None = None
    width: int = Field(ge=16, le=480)
    alt: str = Field(default="", max_length=200)


class PlainText(_Table):
    """`flowed`: the plaintext is format=flowed (RFC 3676), which narrow screens can wrap.

    `marks`: headings are underlined with `=` and `-`, the header of a table with `-`, and emphasis is between `_` or `*`. A
    screen reader spells these out.
    """

    flowed: bool = False
    marks: bool = False


class Theme(_Table):
    """A complete, readable theme."""

    light: Palette
    dark: Palette
    fonts: Fonts
    sizes: Sizes
    manner: LayoutOptions
    logo: Logo | None = None
    text: PlainText = PlainText()

    @cached_property
    def names(self) -> Mapping[str, object]:
        """The names for templates: each table by its name, fonts as CSS lists of families, and the fallbacks for Outlook."""
        return {
            **self.model_dump(exclude={"fonts", "logo", "text"}),
            "fonts": {name: ", ".join(map(_css_family, families)) for name, families in self.fonts},
            "windows": {name: _css_family(_on_windows(families)) for name, families in self.fonts},
        }

    @property
    def measure(self) -> int:
        """The width of an article's text in pixels: the widest that an image in it can be."""
        return self.sizes.column - (2 * CARD_PADDING if self.manner.articles == "cards" else 0)


CARD_PADDING = 24


@dataclass(frozen=True, slots=True)
class _File:
    """A parsed TOML file. `table` may be anything that TOML allows."""

    path: Path
    text: str
    table: Mapping[str, Any]

    def line(self, place: Sequence[object]) -> int:
        """Returns the line of the key at `place`, else of the table around it, else the first."""
        table, best = "", 1
        for number, line in enumerate(self.text.splitlines(), 1):
            if opened := _TABLE.match(line):
                table = opened[1]
                best = number if place[:1] == (table,) else best
            elif (key := _KEY.match(line)) and (*([table] if table else []), key[1]) == tuple(place[:2]):
                return number
        return best

    def has(self, place: Sequence[object]) -> bool:
        value: Any = self.table
        for step in place:
            if not isinstance(value, Mapping) or step not in value:
                return False
            value = value[step]
        return True


def load_theme(folders: Sequence[Path]) -> Theme:
    """Returns the theme that `theme.toml` describes; the first of `folders` that has a file wins."""
    own = _read(folders, "theme.toml")
    named = own.table.get("theme", "daily")
    known = sorted({path.stem for folder in folders for path in folder.glob("themes/*.toml")})
    if not isinstance(named, str) or not _THEME_NAME.fullmatch(named) or named not in known:
        raise ThemeError(
            [_fault(own, ("theme",), f"there is no theme “{str(named)[:40]}”; {suggest(str(named), known)}")]
        )
    base = _read(folders, f"themes/{named}.toml")
    tables: dict[str, Any] = {**base.table}
    for name, value in own.table.items():
        if name == "theme":
            continue
        base_value = tables.get(name)
        tables[name] = {**base_value, **value} if isinstance(value, dict) and isinstance(base_value, dict) else value
    folder = (own if "logo" in own.table else base).path.parent
    if "logo" in tables and "logo" not in own.table:
        folder = folder.parent  # a theme's paths are relative to the folder of theme.toml
    try:
        theme = Theme.model_validate(tables, context={"folder": folder})
    except ValidationError as error:
        raise ThemeError(_describe(found, own, base) for found in error.errors(include_url=False)) from None
    if unreadable := list(_contrast_errors(theme, own, base)):
        raise ThemeError(unreadable)
    return theme


def fault_at(folders: Sequence[Path], place: Sequence[object], words: str) -> ThemeFault:
    """Returns a fault at `place` of `theme.toml`."""
    return _fault(_read(folders, "theme.toml"), place, words)


def _contrast_errors(theme: Theme, own: _File, base: _File) -> Iterator[ThemeFault]:
    for scheme, palette in (("light", theme.light), ("dark", theme.dark)):
        pairs = [*product(("ink", "muted", "accent"), ("paper", "wash", "canvas")), ("on_accent", "accent")]
        for text, ground in pairs:
            colours = (Colour.from_hex(getattr(palette, name)) for name in (text, ground))
            ratio = contrast_ratio(*colours)
            if ratio < CONTRAST:
                place = (scheme, text if own.has((scheme, text)) or not own.has((scheme, ground)) else ground)
                message = f"{text} on {ground} has a contrast of {ratio:.1f} in [{scheme}]; use at least {CONTRAST}"
                yield _fault(_file_of(place, own, base), place, message)


def _file_of(place: Sequence[object], own: _File, base: _File) -> _File:
    """Returns the file that has the value at `place`, or should have it."""
    return own if own.has(place) or (own.has(place[:1]) and not base.has(place)) else base


def _describe(found: ErrorDetails, own: _File, base: _File) -> ThemeFault:
    place = tuple(found["loc"])
    file = _file_of(place, own, base)
    name = ".".join(map(str, place))
    where = f"[{place[0]}]" if len(place) > 1 else "a theme"
    match found["type"]:
        case "extra_forbidden":
            known = _keys(place[:-1])
            return _fault(file, place, f"unknown key “{place[-1]}” in {where}; {suggest(str(place[-1]), known)}")
        case "missing":
            return _fault(file, place, f"{where} has no “{place[-1]}”")
        case "value_error":
            return _fault(file, place, f"{name}: {found['ctx']['error']}")
        case "literal_error":
            return _fault(file, place, f"{name}: use {found['ctx']['expected']}")
        case _:
            return _fault(file, place, f"{name}: {found['msg'][:1].lower()}{found['msg'][1:]}")


def _keys(place: Sequence[object]) -> list[str]:
    """Returns the keys that a theme may have at `place`."""
    fields = Theme.model_fields
    if place and place[0] in fields:
        annotation = fields[str(place[0])].annotation
        tables = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        fields = next((kind.model_fields for kind in tables if issubclass(kind, BaseModel)), {})
    return sorted({*fields, *(() if place else ("theme",))})


def _css_family(name: str) -> str:
    """Returns a family as CSS names it, in single quotes where they are needed, for it is used in attributes."""
    words = name.split(" ")
    return name if not name or name in _GENERIC or all(map(_IDENTIFIER.fullmatch, words)) else f"'{name}'"


def _on_windows(families: Sequence[str]) -> str:
    """Returns the family for Outlook, which takes Times New Roman where it lacks the first: one that every Windows
    has, or nothing where the first is one.
    """
    return "" if families[0] in _WINDOWS else next((name for name in families if name in _WINDOWS), families[-1])


def _read(folders: Sequence[Path], name: str) -> _File:
    path = next((path for folder in folders if (path := folder / name).is_file()), None)
    if path is None:
        raise ThemeError(
            [ThemeFault(folders[0] / name, 1, f"there is no {name}")],
            "Restore it. To add missing files: mailer init",
        )
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ThemeError([ThemeFault(path, 1, "the file is larger than 64 KB")])
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        return _File(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        words = f"not valid TOML ({str(error).partition(' (at ')[0]})"
        raise ThemeError([ThemeFault(path, int(at[1]) if at else 1, words)]) from None
    except UnicodeDecodeError:
        raise ThemeError([ThemeFault(path, 1, "not UTF-8")], "Save it as UTF-8.") from None
    except (OSError, RecursionError) as error:
        raise ThemeError(
            [ThemeFault(path, 1, f"cannot be read ({type(error).__name__})")], "Check that it can be read."
        ) from None


def _fault(file: _File, place: Sequence[object], words: str) -> ThemeFault:
    return ThemeFault(file.path, file.line(place), words.removesuffix("; "))
