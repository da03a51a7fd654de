"""Reduce the data of caniemail to what `mailer check` reads: python docs/caniemail.py PACKAGE

PACKAGE is the unpacked npm package `caniemail` (npm pack caniemail; tar xf caniemail-*.tgz). For each feature that
HTML and CSS show, it keeps the title, the uses by which the feature is recognised, and for each mail program one character: what
its newest tested version does (y yes, a in part, n no, u unknown, - not tested). The licence is stored beside the data.
"""

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "mailer" / "lint" / "data"
PROPERTY = re.compile(r"[a-z]+(-[a-z]+)*")
PLATFORMS = {
    "desktop-webmail": "web",
    "mobile-webmail": "mobile web",
    "ios": "iOS",
    "android": "Android",
    "macos": "macOS",
    "windows": "Windows",
    "windows-mail": "Windows Mail",
    "outlook-com": "Outlook.com",
}
BY_HAND = {
    "css-border-image": ["property:border-image"],
    "css-border-inline-block": ["property:border-inline", "property:border-block"],
    "css-color-scheme": ["property:color-scheme"],
    "css-display-flex": ["value:display:flex", "value:display:inline-flex"],
    "css-display-grid": ["value:display:grid", "value:display:inline-grid"],
    "css-display-none": ["value:display:none"],
    "css-flex-direction": ["value:flex-direction:column"],
    "css-flex-wrap": ["value:flex-wrap:wrap"],
    "css-font": ["property:font"],
    "css-grid-template": [f"property:grid-template-{part}" for part in ("columns", "rows", "areas")],
    "css-important": [],
    "css-modern-color": [f"function:{name}" for name in ("lch", "oklch", "lab", "oklab")],
    "css-nesting": [],
    "css-pseudo-class-lang": ["pseudo:lang"],
    "css-unit-calc": ["function:calc"],
    "css-unit-initial": [],
    "css-unit-percent": ["unit:%"],
    "css-variables": ["function:var"],
    "html-base": ["element:base"],
    "html-image-maps": ["element:map"],
    "html-lists": ["element:ul", "element:ol", "element:dl"],
    "html-popover": ["attribute:popover"],
    "html-semantics": [
        f"element:{name}"
        for name in ("article", "aside", "details", "figcaption", "figure", "footer", "header", "main", "mark", "nav",
                     "section", "summary", "time")
    ],
    "html-srcset": ["attribute:srcset", "attribute:sizes"],
    "html-svg": ["element:svg"],
    "image-base64": ["format:base64"],
    "image-heif": ["format:heif", "format:heic"],
    "image-jpg": ["format:jpg", "format:jpeg"],
    "image-tiff": ["format:tiff", "format:tif"],
}  # fmt: skip


def uses(slug: str, title: str) -> list[str]:
    """Returns the uses of a feature, by the names of mailer/lint/page_features.py."""
    if slug in BY_HAND:
        return BY_HAND[slug]
    for pattern, kind in (
        (r"@media \(-?([a-z-]+)\).*", "media"),
        (r"@([a-z-]+)", "at"),
        (r"::?([a-z-]+)(?:\(\))?", "pseudo"),
        (r"([a-z-]+)\(\)", "function"),
        (r"([a-z]+) unit", "unit"),
        (r'<(?:input|button) type="(\w+)"> element', "input"),
        (r"<(\w+)>(?: element)?", "element"),
        (r"([a-z-]+) attribute", "attribute"),
    ):
        if match := re.fullmatch(pattern, title):
            return [f"{kind}:{match[1]}"]
    if slug.startswith("image-"):
        return [f"format:{slug.removeprefix('image-')}"]
    if slug.startswith("css-"):
        names = [re.sub(r" (?:CSS )?(?:property|shorthand)$", "", name.strip()) for name in re.split("[,&]", title)]
        return [f"property:{name}" for name in names if PROPERTY.fullmatch(name)]
    return []


def newest(versions: dict[str, str]) -> str:
    """Returns the character of the newest version that was tested."""
    return list(versions.values())[-1][0]


def main(package: Path) -> None:
    data = json.loads((package / "data" / "caniemail.json").read_text(encoding="utf-8"))
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    clients = sorted(
        {
            (family, platform)
            for feature in data["data"]
            for family, places in feature["stats"].items()
            for platform in places
        }
    )
    names = data["nicenames"]["family"]
    features = {}
    for feature in sorted(data["data"], key=lambda feature: feature["slug"]):
        told_by = uses(feature["slug"], feature["title"].strip())
        if not told_by:
            continue
        places = feature["stats"]
        features[feature["slug"]] = {
            "title": feature["title"].strip(),
            "uses": told_by,
            "support": "".join(
                newest(places[family][platform]) if places.get(family, {}).get(platform) else "-"
                for family, platform in clients
            ),
        }
    reduced = {
        "about": f"Reduced from the npm package caniemail {version}, data of {data['last_update_date'][:10]}, by "
        "docs/caniemail.py; MIT, see caniemail.LICENSE",
        "clients": {f"{family}.{platform}": f"{names[family]} ({PLATFORMS[platform]})" for family, platform in clients},
        "features": features,
    }
    TARGET.mkdir(exist_ok=True)
    text = json.dumps(reduced, ensure_ascii=False, indent=0, separators=(",", ":"))
    (TARGET / "caniemail.json").write_text(text + "\n", encoding="utf-8")
    licence = next(path for path in package.iterdir() if path.name.upper().startswith("LICENSE"))
    (TARGET / "caniemail.LICENSE").write_bytes(licence.read_bytes())
    print(f"{len(features)} features, {len(clients)} mail programs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
