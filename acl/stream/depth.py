"""Pictures whose values do not fit into 8 bits: one range from black to white for all such pictures of a set.

Files seldom say which value is white: 12-bit cameras write 16-bit files, and numbers with a point may be
shares of 1 or anything. So the set decides: white is the smallest usual limit that holds its largest value.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image, ImageOps

from acl.names import count

EIGHT_BITS, WHOLE, POINT = "8 bits", "more than 8 bits", "numbers with a point"
WHITES = (1, 255, 1023, 4095, 16383, 65535)
DARK = 16  # with a largest value below white / 16 all would be black to the eye
# Pillow keeps only the upper byte of 16-bit colours. Told the other order of bytes, it keeps the lower one.
OTHER_BYTE = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if sys.byteorder == "little" else "RGB;16L",
}


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF orientation says."""
    return ImageOps.exif_transpose(image)


def deep_planes(image: Image.Image, data: bytes) -> list[Image.Image] | None:
    """The channel, or three channels, of an image of more than 8 bits, in mode F; None for any other.

    image: opened from `data` and not decoded yet. ValueError if no value is a number.
    """
    if image.mode.startswith(("I", "F")):
        return [_plane(np.asarray(upright(image)))]
    tiles = getattr(image, "tile", [])
    lower = [tile._replace(args=_other_byte(tile.args)) for tile in tiles]
    if lower == tiles:
        return None
    with Image.open(io.BytesIO(data)) as again:
        again.tile = lower
        high, low = (np.asarray(upright(half)).astype(np.float32) for half in (image, again))
    return [_plane(256 * high[..., channel] + low[..., channel]) for channel in range(3)]


def _other_byte(args: object) -> object:
    if isinstance(args, tuple):
        return (OTHER_BYTE.get(args[0], args[0]), *args[1:])
    return OTHER_BYTE.get(args, args) if isinstance(args, str) else args


def _plane(values: ndarray) -> Image.Image:
    """As mode F, without infinities and what is no number."""
    known = values[np.isfinite(values)]
    if not known.size:
        raise ValueError("no value is a number")
    low, high = known.min(), known.max()
    return Image.fromarray(np.clip(np.nan_to_num(values, nan=low), low, high).astype(np.float32))


@dataclass
class Depth:
    """The values of a set's deep pictures of one kind (WHOLE or POINT), and which of them are black and white.

    rows: of these pictures in the set.
    """

    kind: str
    rows: list[int] = field(default_factory=list)
    low: float = np.inf
    high: float = -np.inf

    def add(self, row: int, values: Float32[ndarray, "size size 3"]) -> None:
        """Note a picture of this kind: its row in the set, and the range of its values."""
        self.rows.append(row)
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def limits(self) -> tuple[float, float]:
        """What is black and what is white. Values below 0 or beyond 16 bits: the least and the largest there is."""
        if self.low < 0 or self.high > WHITES[-1]:
            return self.low, self.high
        white = next(white for white in WHITES if self.high <= white)
        return 0.0, float(white) if DARK * self.high >= white else self.high

    def shades(self, values: Float32[ndarray, "size size 3"]) -> UInt8[ndarray, "size size 3"]:
        """The picture with 256 shades from black to white; what lies outside is cut off."""
        black, white = self.limits
        share = (values.astype(np.float64) - black) / max(white - black, np.finfo(np.float64).tiny)
        return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)

    @property
    def note(self) -> str:
        """Nothing where white is what goes without saying."""
        if not self.rows:
            return ""
        black, white = self.limits
        if (black, white) == (0, WHITES[-1] if self.kind == WHOLE else WHITES[0]):
            return ""
        return (
            f"{count(len(self.rows), 'image')} of {self.kind} with values from {self.low:g} to {self.high:g}: "
            f"{black:g} is shown as black, {white:g} as white."
        )
