import io
import os
import subprocess
import sys
import zlib

import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from mailer.edition.images import loader
from mailer.edition.images.loader import PhotoError, load_image


def write(path, size=(40, 30), mode="RGB", colour="red", **options):
    Pillow.new(mode, size, colour).save(path, **options)
    return path


def read(image):
    return Pillow.open(io.BytesIO(image.data))


@pytest.mark.parametrize(
    ("name", "size", "pixels", "shown", "kind"),
    [
        ("wide.jpg", (2400, 1000), (1200, 500), (600, 250), "image/jpeg"),
        ("exact.jpg", (1200, 301), (1200, 301), (600, 150), "image/jpeg"),
        ("small.jpg", (300, 200), (300, 200), (300, 200), "image/jpeg"),
        ("flat.png", (1600, 800), (1200, 600), (600, 300), "image/png"),
        ("strip.png", (10, 9600), (5, 4800), (5, 4800), "image/png"),
        ("line.png", (5000, 1), (1200, 1), (600, 1), "image/png"),
        ("still.gif", (50, 20), (50, 20), (50, 20), "image/png"),
        ("new.webp", (50, 20), (50, 20), (50, 20), "image/jpeg"),
    ],
)
def test_an_image_is_scaled_down_to_the_column_and_never_enlarged(tmp_path, name, size, pixels, shown, kind):
    image = load_image(write(tmp_path / name, size), root=tmp_path)
    assert (image.width, image.height) == pixels == read(image).size
    assert image.display_size(600) == shown
    assert image.content_type == kind
    assert image.name.endswith(".png" if kind == "image/png" else ".jpg")


@pytest.mark.parametrize(
    ("size", "crop", "pixels"),
    [
        ((2400, 1000), (480, 320), (480, 320)),
        ((100, 400), (144, 144), (100, 100)),
        ((300, 100), (480, 320), (150, 100)),
        ((1, 1), (480, 320), (1, 1)),
    ],
)
def test_an_image_is_cut_to_a_shape_and_never_enlarged(tmp_path, size, crop, pixels):
    image = load_image(write(tmp_path / "a.jpg", size), root=tmp_path, crop=crop)
    assert (image.width, image.height) == pixels == read(image).size


def test_images_are_named_by_their_content(tmp_path):
    one, two = write(tmp_path / "a.jpg"), write(tmp_path / "b.jpg", colour="blue")
    assert load_image(one, root=tmp_path) == load_image(one, root=tmp_path)
    assert load_image(one, root=tmp_path).name != load_image(two, root=tmp_path).name


def test_an_image_is_turned_upright_and_its_metadata_dropped(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "where I live"
    image = load_image(write(tmp_path / "a.jpg", (40, 30), exif=exif), root=tmp_path)
    assert (image.width, image.height) == (30, 40)
    assert not read(image).getexif()
    assert b"where I live" not in image.data


def test_transparency_is_kept_and_colour_profiles_are_applied(tmp_path):
    clear = load_image(write(tmp_path / "a.png", mode="RGBA", colour=(255, 0, 0, 100)), root=tmp_path)
    assert read(clear).getpixel((0, 0)) == (255, 0, 0, 100)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert "icc_profile" not in read(load_image(write(tmp_path / "b.jpg", icc_profile=profile), root=tmp_path)).info
    broken = load_image(write(tmp_path / "c.jpg", icc_profile=b"nonsense"), root=tmp_path)
    assert read(broken).getpixel((0, 0))[0] > 250


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I", "I;16", "CMYK", "F"])
def test_every_mode_becomes_one_that_mail_clients_show(tmp_path, mode):
    suffix = "tiff" if mode in {"CMYK", "F", "I"} else "png"
    colour = (0, 0, 0, 0) if mode == "CMYK" else (200, 255) if mode == "LA" else 1
    image = load_image(write(tmp_path / f"a.{suffix}", mode=mode, colour=colour), root=tmp_path)
    assert read(image).mode in {"RGB", "RGBA"}


def test_of_an_animation_the_first_frame_is_shown(tmp_path):
    frames = [Pillow.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read(load_image(tmp_path / "a.gif", root=tmp_path)).convert("RGB").getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize(("count", "suffix"), [(1, "gif"), (2, "gif"), (2, "png"), (2, "webp"), (2, "tiff")])
def test_an_animation_is_known_as_one(tmp_path, count, suffix):
    frames = [Pillow.new("RGB", (20, 20), colour) for colour in ("red", "blue")[:count]]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    image = load_image(tmp_path / f"a.{suffix}", root=tmp_path)
    assert image.is_animated is (count > 1 and suffix != "tiff")  # the pages of a TIFF do not move


@pytest.mark.parametrize(
    ("colour", "clear", "vanishes"),
    [((0, 0, 0), 0, True), ((60, 60, 60), 60, False), ((60, 60, 60), 0, True), ((200, 30, 30), 0, False)],
)
def test_a_dark_image_on_a_transparent_ground_is_known_as_one(tmp_path, colour, clear, vanishes):
    picture = Pillow.new("RGBA", (100, 100), (255, 255, 255, 0))
    picture.paste((*colour, 255), (0, 0, 100, 60))
    if clear:  # the ground is not transparent
        picture.paste((255, 255, 255, 255), (0, 60, 100, 100))
    picture.save(tmp_path / "logo.png")
    assert load_image(tmp_path / "logo.png", root=tmp_path).vanishes is vanishes


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x24ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x20ftypavis\0\0\0\0avisavif", "AVIF"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ],
)
def test_a_format_that_mail_programs_do_not_show_is_named(tmp_path, head, shown):
    (tmp_path / "a.jpg").write_bytes(head + bytes(100))
    with pytest.raises(PhotoError, match=f"is in the format {shown}, which mail programs do not show Save it as"):
        load_image(tmp_path / "a.jpg", root=tmp_path)


def test_a_path_stays_inside_the_workspace(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    secret = write(tmp_path / "secret.jpg")
    (root / "link.jpg").symlink_to(secret)
    for path in (root / "../secret.jpg", root / "link.jpg", secret):
        with pytest.raises(PhotoError, match="outside the workspace"):
            load_image(path, root=root)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not an image"),
        (b"%PDF-1.4", "not an image"),
    ],
)
def test_a_file_that_is_not_an_image_is_refused(tmp_path, content, words):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(PhotoError, match=words):
        load_image(tmp_path / "a.jpg", root=tmp_path)


def test_missing_broken_and_enormous_files_are_refused_in_a_sentence(tmp_path, monkeypatch):
    good = write(tmp_path / "good.jpg", (400, 300)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(good[:300])
    with pytest.raises(PhotoError, match="damaged"):
        load_image(tmp_path / "cut.jpg", root=tmp_path)
    with pytest.raises(PhotoError, match="no image file"):
        load_image(tmp_path / "gone.jpg", root=tmp_path)
    with pytest.raises(PhotoError, match="no image file"):
        load_image(tmp_path, root=tmp_path)
    with pytest.raises(PhotoError, match="cannot be read"):
        load_image(tmp_path / "nul\0.jpg", root=tmp_path)
    monkeypatch.setattr(loader, "LARGEST_FILE", 100)
    with pytest.raises(PhotoError, match="larger than 25 MB"):
        load_image(tmp_path / "good.jpg", root=tmp_path)


@pytest.mark.parametrize(("size", "shown"), [((5000, 4001), "5000 × 4001"), ((10_001, 10), "10001 × 10")])
def test_an_image_has_at_most_twenty_million_pixels_and_ten_thousand_a_side(tmp_path, size, shown):
    bomb = write(tmp_path / "bomb.png", size, "1", 0)
    assert bomb.stat().st_size < 50_000
    with pytest.raises(PhotoError, match=shown):
        load_image(bomb, root=tmp_path)


def test_an_image_of_the_largest_size_is_decoded_within_the_limits(tmp_path):
    largest = write(tmp_path / "largest.png", (5000, 4000), "RGBA", (1, 2, 3, 4))
    assert load_image(largest, root=tmp_path).width == 1200


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    header = bytearray(write(tmp_path / "bomb.png", (100, 60), "1", 0).read_bytes())
    header[16:24] = (60_000).to_bytes(4, "big") * 2
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(header)
    with pytest.raises(PhotoError, match="pixels"):
        load_image(tmp_path / "huge.png", root=tmp_path)


def test_images_are_decoded_in_another_process_that_gets_no_settings(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(
        f"#!/bin/sh\nenv > '{tmp_path}/env'\necho $$ > '{tmp_path}/pid'\nexec '{sys.executable}' \"$@\"\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("MAILER_SECRET_KEYS", "a secret")
    monkeypatch.setattr(sys, "executable", str(program))
    load_image(write(tmp_path / "a.jpg"), root=tmp_path)
    assert int((tmp_path / "pid").read_text()) != os.getpid()
    assert "a secret" not in (tmp_path / "env").read_text()


def test_a_decoder_that_dies_is_a_photo_that_cannot_be_used(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nkill -KILL $$\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(PhotoError, match="too much time or memory"):
        load_image(write(tmp_path / "a.jpg"), root=tmp_path)


def test_the_decoder_has_limits_of_memory_and_time(tmp_path):
    grasping = "import sys; from mailer.edition.images import decoder as d; d.decode = lambda data, crop: bytearray(2 * d.MEMORY); d.main()"
    done = subprocess.run([sys.executable, "-c", grasping], input=b"", capture_output=True, check=False)
    assert b"MemoryError" in done.stderr
