"""Pictures of any kind and depth look as a person would expect, or a note names them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from acl.stream.pictures import square
from tests.sets import encoded, load, noise, png

pytestmark = pytest.mark.usefixtures("data_dir")


def palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


MODES = {
    "grey": (encoded(Image.new("L", (8, 8), 77)), (77, 77, 77)),
    "bilevel": (encoded(Image.new("1", (8, 8), 1)), (255, 255, 255)),
    "grey 16 bit": (encoded(Image.fromarray(np.full((8, 8), 0x8080, np.uint16))), (128, 128, 128)),
    "grey 16 bit tiff": (encoded(Image.fromarray(np.full((8, 8), 0xFFFF, np.uint16)), "TIFF"), (255, 255, 255)),
    "colour": (encoded(Image.new("RGB", (8, 8), (1, 2, 3))), (1, 2, 3)),
    "transparent": (encoded(Image.new("RGBA", (8, 8), (9, 9, 9, 0))), (255, 255, 255)),
    "opaque": (encoded(Image.new("RGBA", (8, 8), (9, 8, 7, 255))), (9, 8, 7)),
    "grey with alpha": (encoded(Image.new("LA", (8, 8), (5, 0))), (255, 255, 255)),
    "palette": (encoded(palette()), (10, 200, 30)),
    "palette with transparency": (encoded(palette(), transparency=1), (255, 255, 255)),
    "cmyk": (encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "gif": (encoded(palette(), "GIF"), (10, 200, 30)),
}


@pytest.mark.parametrize("mode", MODES)
def test_images_of_every_mode_become_rgb(mode):
    data, colour = MODES[mode]
    pixels = square(data, 4)
    assert pixels.shape == (4, 4, 3) and pixels.dtype == np.uint8 and (pixels == colour).all()


def test_images_are_cut_to_the_middle_and_averaged():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 2:6] = np.arange(0, 160, 10, dtype=np.uint8).reshape(4, 4, 1)
    small = square(png(pixels), 2)
    assert (small[..., 0] == pixels[:, 2:6, 0].reshape(2, 2, 2, 2).mean((1, 3))).all()
    assert (square(png(pixels[:, 2:6]), 4) == pixels[:, 2:6]).all()
    assert square(png(pixels), 16).shape == (16, 16, 3)


def test_photos_are_turned_upright():
    image = Image.new("RGB", (8, 8))
    image.paste((255, 0, 0), (0, 0, 8, 4))
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    assert square(encoded(image, exif=exif), 8)[6, 4].tolist() == [255, 0, 0]


# -- more than 8 bits ----------------------------------------------------------------------------------


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits: [h, w, 1, 2 (with alpha), 3 or 4], which Pillow writes for grey only."""
    height, width, channels = values.shape

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(values: np.ndarray, bits: int, deflate: bool = False) -> bytes:
    """A little-endian TIFF of one strip: [h, w, 1 or 3] of 16 bits, or [h, w, 1] of 12 bits packed."""
    height, width, channels = values.shape
    if bits == 12:
        pairs = values.reshape(-1, 2).astype(int)
        packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
        data = packed.astype(np.uint8).tobytes()
    else:
        data = values.astype("<u2").tobytes()
    data = zlib.compress(data) if deflate else data
    start = 8 + 2 + 9 * 12 + 4 + 6
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, channels, bits if channels == 1 else start - 6),
        (259, 3, 1, 8 if deflate else 1), (262, 3, 1, 1 if channels == 1 else 2), (273, 4, 1, start),
        (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return head + struct.pack("<I", 0) + struct.pack("<HHH", bits, bits, bits) + data


def grey(values: np.ndarray, dtype: type, kind: str = "TIFF") -> bytes:
    return encoded(Image.fromarray(values.astype(dtype).reshape(2, 2)), kind)


def colours(values: np.ndarray) -> np.ndarray:
    return np.stack([values, values[::-1], values // 2], -1).reshape(2, 2, 3)


STEPS = np.array([0, 1, 2, 4])
DEEP = {
    "12 bits in a PNG of 16": (grey(1000 * STEPS, np.uint16, "PNG"), 1000 * STEPS, 4095),
    "12 bits in a TIFF of 16": (grey(1000 * STEPS, np.uint16), 1000 * STEPS, 4095),
    "12 bits packed": (tiff((1000 * STEPS).reshape(2, 2, 1), 12), 1000 * STEPS, 4095),
    "10 bits": (grey(250 * STEPS, np.uint16), 250 * STEPS, 1023),
    "8 bits in 16": (grey(60 * STEPS, np.uint16), 60 * STEPS, 255),
    "a mask of 2 classes": (grey(STEPS > 1, np.uint16), STEPS > 1, 1),
    "a mask of few classes": (grey(STEPS, np.uint16), STEPS, 4),
    "16 bits": (grey(16000 * STEPS, np.uint16), 16000 * STEPS, 65535),
    "16 bits in 32": (grey(16000 * STEPS, np.int32), 16000 * STEPS, 65535),
    "32 bits": (grey(100_000 * STEPS, np.int32), 100_000 * STEPS, 400_000),
    "below 0": (grey(STEPS - 1000, np.int32), STEPS, 4),
    "shares of 1": (grey(STEPS / 4, np.float32), STEPS, 4),
    "shares of 255": (grey(60 * STEPS, np.float32), 60 * STEPS, 255),
    "floats of 16 bits": (grey(16000 * STEPS, np.float32), 16000 * STEPS, 65535),
    "floats a little over 1": (grey(STEPS / 3.9, np.float32), STEPS, 4),
    "tiny floats": (grey(STEPS / 4000, np.float32), STEPS, 4),
    "huge floats": (grey(STEPS * 5e37 - 1e38, np.float32), STEPS, 4),
    "no numbers": (grey(np.array([np.nan, -np.inf, 0.5, np.inf]), np.float32), np.array([1, 1, 1, 1]), 2),
    "colours in a PNG": (png16(colours(1000 * STEPS)), colours(1000 * STEPS), 4095),
    "colours in a TIFF": (tiff(colours(1000 * STEPS), 16), colours(1000 * STEPS), 4095),
    "colours in a TIFF, deflated": (tiff(colours(1000 * STEPS), 16, deflate=True), colours(1000 * STEPS), 4095),
}


@pytest.mark.parametrize("name", DEEP)
def test_values_of_more_than_8_bits_are_seen(name):
    data, values, white = DEEP[name]
    expected = 255 * np.broadcast_to(np.reshape(values, (2, 2, -1)) / white, (2, 2, 3))
    assert np.abs(square(data, 2) - expected).max() <= 0.51


def test_enlarging_does_not_change_what_white_is():
    checks = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((2, 2))) * 4095
    shown = square(encoded(Image.fromarray(checks.astype(np.uint16))), 33)
    assert shown.max() == 255 and shown.min() == 0


def deep_set(folder, dtype, tops, kind="TIFF"):
    """Two classes of 4 images each; tops: the largest value in each class."""
    for name, top in zip("ab", tops, strict=True):
        (folder / name).mkdir(parents=True)
        for i in range(4):
            image = Image.fromarray((np.arange(64).reshape(8, 8) * (top / 63)).astype(dtype))
            (folder / name / f"{i}.{kind.lower()}").write_bytes(encoded(image, kind))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_all_of_a_set_have_the_same_white_and_a_note_says_which(kind, tmp_path):
    deep_set(tmp_path / "cells", np.uint16, (1000, 4000), kind)
    (tmp_path / "cells" / "a" / "photo.png").write_bytes(png(noise(8, 8, 3)))
    data = load("folder", data=str(tmp_path / "cells"), image_size=8)
    tops = [data.images[data.labels == label].reshape(-1, 192)[:4].max(1).tolist() for label in (0, 1)]
    assert tops == [[round(255 * 1000 / 4095)] * 4, [round(255 * 4000 / 4095)] * 4]
    assert data.notes == (
        "8 images of more than 8 bits with values from 0 to 4000: 0 is shown as black, 4095 as white.",
    )
    assert load("folder", data=str(tmp_path / "cells"), image_size=8).notes == data.notes  # from the cache


@pytest.mark.parametrize(("dtype", "top"), [(np.uint16, 60000), (np.float32, 1)])
def test_the_usual_white_goes_without_saying(dtype, top, tmp_path):
    deep_set(tmp_path / "cells", dtype, (top, top))
    assert not load("folder", data=str(tmp_path / "cells"), image_size=8).notes


def test_whole_numbers_and_numbers_with_a_point_each_have_their_white(tmp_path):
    deep_set(tmp_path / "cells", np.uint16, (60000, 60000))
    for i in range(4):
        image = Image.fromarray(np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8))
        (tmp_path / "cells" / "a" / f"float{i}.tiff").write_bytes(encoded(image, "TIFF"))
    data = load("folder", data=str(tmp_path / "cells"), image_size=8)
    assert data.images.reshape(len(data.images), -1).max(1).min() >= 233


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("black", encoded(Image.new("RGB", (8, 8)))),
        ("one colour", encoded(Image.new("RGB", (8, 8), (200, 10, 90)))),
        ("nearly black", png(noise(8, 8, 3) % 12)),
        ("dark with transparency", png16(np.stack([noise(8, 8)] * 3 + [np.full((8, 8), 65535)], -1))),
        ("one value", encoded(Image.fromarray(np.full((8, 8), 700, np.uint16)))),
        ("12 bits among 16", grey(np.array([0, 0, 4095, 4095]), np.uint16, "PNG")),
    ],
)
def test_pictures_that_show_nothing_are_named(name, picture, tmp_path):
    for label in "ab":
        (tmp_path / "cells" / label).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "cells" / label / f"{i}.png").write_bytes(png(noise(8, 8, 3)))
    (tmp_path / "cells" / "a" / "0.png").write_bytes(grey(np.array([0, 1, 2, 65535]), np.uint16, "PNG"))
    (tmp_path / "cells" / "b" / "dull.png").write_bytes(picture)
    notes = load("folder", data=str(tmp_path / "cells"), image_size=8).notes
    assert any("1 of 7 images shows one colour only, or is almost black: b/dull.png" in note for note in notes), notes


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_of_an_animation_the_first_picture_counts(mode):
    frames = [Image.new("RGB", (8, 8), colour).convert(mode) for colour in ("#00ff00", "#ff0000")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (square(data, 4) == (0, 255, 0)).all()


def test_no_picture_is_given_to_another_program():
    """EPS is one: Pillow would start Ghostscript on it."""
    with pytest.raises(UnidentifiedImageError):
        square(encoded(Image.new("RGB", (8, 8)), "EPS"), 4)
