"""Prepares images for an edition: upright, in sRGB, without metadata, at most 1200 px wide (twice the column).

An image is named by its content; the same file gives the same bytes with the same Pillow. A path may not leave the
workspace, not even by symbolic links. decoder.py decodes the file, in a process of its own with limits, one at a time.

Raises PhotoError, one sentence that `check` shows at the photo's line.
"""

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mailer.edition.model import Image
from mailer.errors import MailerError

if TYPE_CHECKING:  # this process does not load the decoder and its C libraries
    from mailer.edition.images.decoder import Answer

LARGEST_FILE = 25 * 1024 * 1024
_PATIENCE = 60.0  # seconds that decoding may take, on a busy machine
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")  # no settings: they hold secrets
_one_at_a_time = threading.Lock()


class PhotoError(MailerError):
    """An image that cannot be used."""

    exit_code = 1


class ImageLoader(Protocol):
    """`load_image`, or a cache of it."""

    def __call__(self, path: Path, /, *, root: Path, crop: tuple[int, int] | None = None) -> Image: ...


@dataclass(frozen=True, slots=True)
class PhotoTexts:
    """What the file of a photo says about it, each on one line; "" where it says nothing."""

    caption: str
    credit: str


def load_image(path: Path, *, root: Path, crop: tuple[int, int] | None = None) -> Image:
    """Returns the image in the file `path`, which must lie under the folder `root`, prepared for an edition.

    `crop`: the width and height in pixels that it is cut to; an image that is smaller is only brought to their shape.
    """
    return load_photo(path, root=root, crop=crop)[0]


def load_photo(path: Path, *, root: Path, crop: tuple[int, int] | None = None) -> tuple[Image, PhotoTexts]:
    """Returns the same image, and the texts in the file, which the image does not contain any more."""
    answer, data = _decode(_read(path, root), path.name, crop)
    if answer["fault"]:
        raise PhotoError(f"the image “{path.name}” {answer['fault']}", answer["expected"])
    image = Image(
        name=f"{sha256(data).hexdigest()[:32]}.{answer['suffix']}",
        content_type="image/png" if answer["suffix"] == "png" else "image/jpeg",
        width=answer["width"],
        height=answer["height"],
        is_animated=answer["is_animated"],
        vanishes=answer["vanishes"],
        data=data,
    )
    return image, PhotoTexts(answer["caption"], answer["credit"])


def _decode(data: bytes, name: str, crop: tuple[int, int] | None) -> "tuple[Answer, bytes]":
    """Runs the decoder on `data`."""
    variables = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    variables["PYTHONPATH"] = os.pathsep.join(folder for folder in sys.path if folder)
    command = [sys.executable, "-P", "-m", "mailer.edition.images.decoder", *map(str, crop or ())]
    try:
        with _one_at_a_time:
            done = subprocess.run(  # noqa: S603 - our own program, without a shell
                command, input=data, capture_output=True, env=variables, timeout=_PATIENCE, check=True
            )
        head, _, image = done.stdout.partition(b"\n")
        answer: Answer = json.loads(head)
    except (OSError, subprocess.SubprocessError, ValueError):
        raise PhotoError(
            f"the image “{name}” needs too much time or memory", "Save it as JPEG or PNG, 1200 pixels wide."
        ) from None
    return answer, image


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
