"""Colours of the sRGB space, and their contrast."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Colour:
    """Red, green and blue from 0 to 1, and the opacity `alpha`."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Returns the colour of `#rrggbb`."""
        return cls(*(int(text[start : start + 2], 16) / 255 for start in (1, 3, 5)))

    def over(self, background: "Colour") -> "Colour":
        """Returns this colour on an opaque background."""
        mixed = (
            own * self.alpha + other * (1 - self.alpha)
            for own, other in zip(
                (self.red, self.green, self.blue), (background.red, background.green, background.blue), strict=True
            )
        )
        return Colour(*mixed)

    @property
    def luminance(self) -> float:
        """The relative luminance (WCAG 2.2)."""
        linear = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (self.red, self.green, self.blue)
        )
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def __str__(self) -> str:
        return "#" + "".join(f"{round(part * 255):02x}" for part in (self.red, self.green, self.blue))


def contrast_ratio(first: Colour, second: Colour) -> float:
    """Returns the contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((first.luminance, second.luminance), reverse=True)
    return (light + 0.05) / (dark + 0.05)
