"""Prepares images for an edition: upright, in sRGB, without metadata, at most 1200 px wide (twice the column).

An image is named by its content; the same file gives the same bytes with the same Pillow. A path may not leave the
workspace, not even by symbolic links; a file that is broken, too big, or a decompression bomb is refused before it is
decoded.

Raises PhotoError, one sentence that `check` shows at the photo's line.
"""

import io
import warnings
from hashlib import sha256
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from mailer.edition.model import Image
from mailer.errors import MailerError

LARGEST_FILE = 25 * 1024 * 1024
LARGEST_PIXELS = 50_000_000
WIDEST = 1200
TALLEST = 4800  # a strip that no reader scrolls through
SMALL_PNG = 150 * 1024
_LOSSLESS = frozenset({"PNG", "GIF", "BMP"})
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")


class PhotoError(MailerError):
    """An image that cannot be used."""

    exit_code = 1


def load_image(path: Path, *, root: Path) -> Image:
    """Returns the image in the file `path`, which must lie under the folder `root`, prepared for an edition."""
    data = _read(path, root)
    name = path.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is dropped anyway; sizes are checked below
            with Pillow.open(io.BytesIO(data), formats=_FORMATS) as picture:
                if picture.width * picture.height > LARGEST_PIXELS:
                    raise PhotoError(
                        f"the image “{name}” has {picture.width} × {picture.height} pixels; the limit is 50 million",
                        "Save it 1200 pixels wide; more is not shown.",
                    )
                return _image(_prepared(picture), lossless=picture.format in _LOSSLESS)
    except UnidentifiedImageError:
        raise PhotoError(f"“{name}” is not an image that can be read", "Save it as JPEG, PNG, GIF or WebP.") from None
    except Pillow.DecompressionBombError:
        raise PhotoError(f"the image “{name}” has more than 50 million pixels", "Save it 1200 pixels wide.") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, OverflowError):
        raise PhotoError(f"the image “{name}” is damaged", "Save it again as JPEG or PNG.") from None


def _read(path: Path, root: Path) -> bytes:
    try:
        resolved, base = path.resolve(), root.resolve()
        if not resolved.is_relative_to(base):
            raise PhotoError(f"the image “{path.name}” is outside the workspace", "Copy it into the workspace.")
        if not resolved.is_file():
            raise PhotoError(f"there is no image file “{path}”", "Check its name; upper and lower case must match.")
        with resolved.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise PhotoError(
            f"the image “{path.name}” cannot be read ({reason})", "Check its name and its permissions."
        ) from None
    if len(data) > LARGEST_FILE:
        raise PhotoError(f"the image file “{path.name}” is larger than 25 MB", "Save it 1200 pixels wide.")
    return data


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


def _image(picture: Pillow.Image, *, lossless: bool) -> Image:
    """Encodes as PNG if transparent, or if the source is lossless and the PNG small; else as a progressive JPEG."""
    picture.info.clear()
    data = _png(picture) if lossless or picture.mode == "RGBA" else b""
    suffix = "png"
    if picture.mode == "RGB" and not 0 < len(data) <= SMALL_PNG:
        data, suffix = _jpeg(picture), "jpg"
    return Image(
        name=f"{sha256(data).hexdigest()[:32]}.{suffix}",
        content_type="image/png" if suffix == "png" else "image/jpeg",
        width=picture.width,
        height=picture.height,
        data=data,
    )


def _png(picture: Pillow.Image) -> bytes:
    output = io.BytesIO()
    picture.save(output, "PNG", optimize=True)
    return output.getvalue()


def _jpeg(picture: Pillow.Image) -> bytes:
    output = io.BytesIO()
    picture.save(output, "JPEG", quality=82, progressive=True, optimize=True, subsampling="4:2:0")
    return output.getvalue()
