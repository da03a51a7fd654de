"""Checks HTML and CSS against the mail programs of the readers, by the data of caniemail.

The data is in data/caniemail.json (MIT; data/caniemail.LICENSE); docs/caniemail.py makes it. Only the loss of essential features
is a finding: rounded corners, fine underlines, better line breaks and dark mode may be missing.
Raises SettingsError for a mail program that the data does not have.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from mailer.dispatch.did_you_mean import suggest
from mailer.errors import SettingsError
from mailer.lint.context import LintContext
from mailer.lint.findings import Finding
from mailer.lint.page_features import formats, uses

MATTERS = frozenset(
    {
        # without these the layout breaks
        "css-align-items", "css-aspect-ratio", "css-block-inline-size", "css-column-count", "css-display-flex",
        "css-display-grid", "css-flex-direction", "css-flex-wrap", "css-function-clamp", "css-function-max",
        "css-function-min", "css-gap", "css-grid-template", "css-inset", "css-justify-content",
        "css-left-right-top-bottom", "css-margin-block-start-end", "css-margin-inline-block",
        "css-margin-inline-start-end", "css-object-fit", "css-padding-block-start-end", "css-padding-inline-block",
        "css-padding-inline-start-end", "css-position", "css-transform", "css-unit-calc", "css-unit-ch", "css-unit-rem",
        "css-unit-vh", "css-unit-vmax", "css-unit-vmin", "css-unit-vw", "css-variables", "css-writing-mode",
        # without these something is not there, or cannot be read
        "css-at-import", "css-background-image", "css-clip-path", "css-filter", "css-function-light-dark",
        "css-list-style-image", "css-mask-image", "css-mix-blend-mode", "css-modern-color", "css-pseudo-element-after",
        "css-pseudo-element-before", "html-audio", "html-background", "html-base", "html-button-reset",
        "html-button-submit", "html-dialog", "html-form", "html-image-maps", "html-input-checkbox", "html-input-radio",
        "html-input-reset", "html-input-submit", "html-input-text", "html-link", "html-marquee", "html-meter",
        "html-object", "html-picture", "html-popover", "html-progress", "html-select", "html-srcset", "html-svg",
        "html-textarea", "html-video", "image-base64",
    }
)  # fmt: skip
_NAMED = 4  # mail programs that a finding names
_FORMATS = frozenset({"jpg", "jpeg", "png", "gif"})


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature, and a code for each mail program: y, a (in part), n, u (unknown), - (not tested)."""

    slug: str
    title: str
    support: Mapping[str, str]

    def lost_in(self, clients: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(client for client in clients if self.support[client] == "n")


@dataclass(frozen=True, slots=True)
class Support:
    """The data: mail programs by their names, features by their uses."""

    clients: Mapping[str, str]
    features: Mapping[str, Feature]

    def selected(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the mail programs for `names`: `gmail` is all of Gmail’s. Raises SettingsError."""
        found: dict[str, None] = {}
        for name in names:
            matching = [client for client in self.clients if client == name or client.startswith(f"{name}.")]
            if not matching:
                families = {client.partition(".")[0] for client in self.clients}
                hint = suggest(name, [*families, *self.clients]) or f"Use one of {', '.join(sorted(families))}."
                raise SettingsError(f"MAILER_CLIENTS names an unknown mail program, “{name}”.", hint)
            found.update(dict.fromkeys(matching))
        return tuple(found)


@lru_cache(maxsize=1)
def load_support() -> Support:
    """Returns the packaged data of caniemail."""
    text = (files("mailer.lint") / "data" / "caniemail.json").read_text(encoding="utf-8")
    data = json.loads(text)
    features: dict[str, Feature] = {}
    for slug, entry in data["features"].items():
        feature = Feature(slug, entry["title"], dict(zip(data["clients"], entry["support"], strict=True)))
        for use in entry["uses"]:
            features.setdefault(use, feature)
    return Support(data["clients"], features)


def lost_features(context: LintContext) -> Iterator[Finding]:
    """Reports essential features that mail programs lack, with the share of those programs."""
    known = load_support()
    clients = known.selected(context.clients)
    seen: set[str] = set()
    for page in context.pages:
        for use, where in uses(page).items():
            feature = known.features.get(use)
            if feature is None or feature.slug in seen or feature.slug not in MATTERS:
                continue
            seen.add(feature.slug)
            if lost := feature.lost_in(clients):
                yield Finding(
                    rule="client-support",
                    message=f"“{feature.title}” (first in {where}) does not work in {_share(known, lost, clients)}",
                    expected=f"see https://www.caniemail.com/features/{feature.slug}/",
                )


def image_formats(context: LintContext) -> Iterator[Finding]:
    """Reports images by an address whose format some mail programs do not show."""
    known = load_support()
    clients = known.selected(context.clients)
    for page in context.pages:
        for image in page.each("img"):
            for use in formats(image):
                suffix = use.partition(":")[2]
                feature = known.features.get(use)
                if feature is None or suffix in _FORMATS or suffix == "base64":
                    continue
                if lost := feature.lost_in(clients):
                    yield Finding(
                        rule="image-format",
                        message=f"an image in the format “{suffix}” is not shown in {_share(known, lost, clients)}",
                        expected="use JPEG, PNG or GIF",
                        position=context.source_index.find(image.get("src", "")),
                    )


def _share(known: Support, lost: tuple[str, ...], clients: tuple[str, ...]) -> str:
    named = [known.clients[client] for client in lost[:_NAMED]]
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"{len(lost)} of {len(clients)} mail programs ({len(lost) / len(clients):.0%}): {', '.join(named)}{more}"
