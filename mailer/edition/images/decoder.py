"""Decodes one image, in a process of its own: `python -m mailer.edition.images.decoder [WIDTH HEIGHT]`.

An image from a stranger can need gigabytes to decode, or exploit a fault of a C library. So loader.py never decodes one itself.
This process limits its own memory and CPU time before it reads the file, and gets no settings.

Standard input: the file. Standard output: one line of JSON, an `Answer`; then the bytes of the prepared image, if there is one.
WIDTH and HEIGHT: the image is cut around its middle to this shape, and reduced to this size.
"""

import io
import json
import resource
import sys
import warnings
from typing import TypedDict

from PIL import Image as Pillow
from PIL import ImageCms, ImageFile, ImageOps, ImageStat, IptcImagePlugin, UnidentifiedImageError

LARGEST_PIXELS = 20_000_000
LONGEST_SIDE = 10_000  # pixels
MEMORY = 1 << 30  # bytes of address space; the program itself needs a tenth
CPU_TIME = 20  # seconds
WIDEST = 1200
TALLEST = 4800  # a strip that no reader scrolls through
SMALL_PNG = 150 * 1024
_ANIMATED = frozenset({"GIF", "PNG", "WEBP"})
_APPLE_AND_AV1 = {
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"heim": "HEIC", b"heis": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC",
    b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip
_CLEAR = 0.1  # of an image that is transparent
_DARK = 80  # of 255, the mean of what is not transparent
_LOSSLESS = frozenset({"PNG", "GIF", "BMP"})
_EXIF_CAPTION, _EXIF_AUTHOR = 0x010E, 0x013B  # ImageDescription, Artist
_IPTC_CAPTION, _IPTC_AUTHOR, _IPTC_CREDIT = (2, 120), (2, 80), (2, 110)
_LONGEST_TEXT = 400
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
_LIMIT = "the limit is 20 million, and 10,000 a side"
_SMALLER = "Save it 1200 pixels wide; more is not shown."


class Answer(TypedDict):
    """`fault` says what is wrong with the image, and `expected` what to do; both are empty for an image that was prepared.

    `is_animated`: the file has more pictures than the first. `vanishes`: it is dark, on a transparent ground. `caption` and
    `credit` are from the metadata of the file (IPTC, else EXIF).
    """

    fault: str
    expected: str
    suffix: str
    width: int
    height: int
    is_animated: bool
    vanishes: bool
    caption: str
    credit: str


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_TIME, CPU_TIME))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    width, height = map(int, sys.argv[1:3] or ("0", "0"))
    answer, data = decode(sys.stdin.buffer.read(), crop=(width, height) if width else None)
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + data)


def decode(data: bytes, *, crop: tuple[int, int] | None = None) -> tuple[Answer, bytes]:
    """Returns the answer for the file `data`, and the prepared image; `crop` is the size to cut it to."""
    warnings.simplefilter("ignore")  # odd metadata is dropped anyway; sizes are checked below
    try:
        with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > LARGEST_PIXELS or max(width, height) > LONGEST_SIDE:
                return _refuse(f"has {width} × {height} pixels; {_LIMIT}", _SMALLER)
            is_animated = getattr(picture, "n_frames", 1) > 1 and picture.format in _ANIMATED
            caption, credit = _texts(picture)
            upright = _prepared(picture)
            cut = _cropped(upright, *crop) if crop else upright
            answer, prepared = _encode(cut, lossless=picture.format in _LOSSLESS)
            return {**answer, "is_animated": is_animated, "caption": caption, "credit": credit}, prepared
    except UnidentifiedImageError:
        if kind := _APPLE_AND_AV1.get(data[8:12]) if data[4:8] == b"ftyp" else None:
            return _refuse(f"is in the format {kind}, which mail programs do not show", "Save it as JPEG.")
        if data.lstrip()[:5].lower() in {b"<svg ", b"<?xml"}:
            return _refuse("is in the format SVG, which mail programs do not show", "Save it as PNG.")
        return _refuse("is not an image that can be read", "Save it as JPEG, PNG, GIF or WebP.")
    except Pillow.DecompressionBombError:
        return _refuse(f"has too many pixels; {_LIMIT}", _SMALLER)
    except MemoryError:
        return _refuse("needs too much memory", _SMALLER)
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError):
        return _refuse("is damaged", "Save it again as JPEG or PNG.")


def _refuse(fault: str, expected: str) -> tuple[Answer, bytes]:
    empty = Answer(
        fault=fault,
        expected=expected,
        suffix="",
        width=0,
        height=0,
        is_animated=False,
        vanishes=False,
        caption="",
        credit="",
    )
    return empty, b""


def _texts(picture: ImageFile.ImageFile) -> tuple[str, str]:
    """Returns caption and credit from the metadata; "" where there is none. Odd metadata is no fault of the image."""
    try:
        iptc = IptcImagePlugin.getiptcinfo(picture) or {}
        exif = picture.getexif()
    except Exception:  # noqa: BLE001 - Pillow raises whatever damaged metadata leads to
        return "", ""
    described = _text(exif.get(_EXIF_CAPTION))
    if described.isascii() and described == described.upper():
        described = ""  # the camera’s: SONY DSC
    caption = _text(iptc.get(_IPTC_CAPTION)) or described
    names = (_text(iptc.get(_IPTC_AUTHOR)) or _text(exif.get(_EXIF_AUTHOR)), _text(iptc.get(_IPTC_CREDIT)))
    return caption[:_LONGEST_TEXT], " / ".join(dict.fromkeys(filter(None, names)))[:_LONGEST_TEXT]


def _text(value: object) -> str:
    """Returns a value of metadata as one line."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    text = value if isinstance(value, str) else ""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _prepared(picture: Pillow.Image) -> Pillow.Image:
    """Returns the first frame of `picture`, upright, in sRGB, of limited size; RGB or RGBA."""
    picture.seek(0)
    if picture.format == "JPEG":
        picture.draft("RGB", (WIDEST * 2, WIDEST * 2))
    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    coloured = _srgb(upright, profile) if profile else upright
    transparent = coloured.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in coloured.info
    plain = _eight_bit(coloured).convert("RGBA" if transparent else "RGB")
    if transparent and plain.getchannel("A").getextrema() == (255, 255):
        plain = plain.convert("RGB")
    scale = min(1.0, WIDEST / plain.width, TALLEST / plain.height)
    size = (max(1, round(plain.width * scale)), max(1, round(plain.height * scale)))
    return plain if size == plain.size else plain.resize(size, Pillow.Resampling.LANCZOS)


def _cropped(picture: Pillow.Image, width: int, height: int) -> Pillow.Image:
    """Cuts `picture` to the shape of `width` × `height`, a little above its middle, where faces are; never enlarges it."""
    scale = min(1.0, picture.width / width, picture.height / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return ImageOps.fit(picture, size, Pillow.Resampling.LANCZOS, centering=(0.5, 0.4))


def _eight_bit(picture: Pillow.Image) -> Pillow.Image:
    """Scales sixteen bits of grey, which Pillow would clip, to eight."""
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda level: level / 257).convert("L")
    return picture


def _srgb(picture: Pillow.Image, profile: bytes) -> Pillow.Image:
    """Converts `picture` to sRGB; one with an unusable profile is taken for sRGB as it is."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        if picture.mode in {"P", "PA", "LA"}:
            picture = picture.convert("RGBA")
            mode = "RGBA"
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted if converted is not None else picture


def _encode(picture: Pillow.Image, *, lossless: bool) -> tuple[Answer, bytes]:
    """Encodes as PNG if transparent, or if the source is lossless and the PNG small; else as a progressive JPEG."""
    picture.info.clear()
    data = _png(picture) if lossless or picture.mode == "RGBA" else b""
    suffix = "png"
    if picture.mode == "RGB" and not 0 < len(data) <= SMALL_PNG:
        data, suffix = _jpeg(picture), "jpg"
    answer = Answer(
        fault="",
        expected="",
        suffix=suffix,
        width=picture.width,
        height=picture.height,
        is_animated=False,
        vanishes=_vanishes(picture),
        caption="",
        credit="",
    )
    return answer, data


def _vanishes(picture: Pillow.Image) -> bool:
    """Whether a tenth of `picture` or more is transparent, and the rest too dark for a dark ground."""
    if picture.mode != "RGBA":
        return False
    alpha = picture.getchannel("A")
    clear = sum(alpha.histogram()[:32]) / (picture.width * picture.height)
    shown = alpha.point(lambda level: 255 * (level >= 128))
    if clear < _CLEAR or not shown.getbbox():
        return False
    return ImageStat.Stat(picture.convert("L"), shown).mean[0] < _DARK


def _png(picture: Pillow.Image) -> bytes:
    output = io.BytesIO()
    picture.save(output, "PNG", optimize=True)
    return output.getvalue()


def _jpeg(picture: Pillow.Image) -> bytes:
    output = io.BytesIO()
    picture.save(output, "JPEG", quality=82, progressive=True, optimize=True, subsampling="4:2:0")
    return output.getvalue()


if __name__ == "__main__":
    main()
