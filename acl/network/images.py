"""The images of a stream on the device: one uint8 tensor, normalised and augmented a batch at a time."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8, UInt64
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import pad

from acl.seeds import mix

PAD = 4
STATISTICS_ROWS = 4096  # images summed at a time
RESIDENT_BYTES = 4 * 2**30  # a memmap larger than this stays on the disk, its batches are read as they come


class Images:
    """`batch(ids)` is `numbers` [B, C, H, W], each channel with mean 0 and variance 1 over the training set."""

    def __init__(
        self,
        images: UInt8[ndarray, "n height width channel"],
        train_ids: Int64[ndarray, " train"],
        augment: str,
        device: torch.device,
        numbers: torch.dtype = torch.float32,
    ) -> None:
        mean, std = _statistics(images, train_ids)
        self.mean = torch.tensor(mean, dtype=numbers, device=device).view(-1, 1, 1)
        self.std = torch.tensor(std, dtype=numbers, device=device).view(-1, 1, 1)
        self.device, self.augment, self._images = device, augment, images
        resident = not isinstance(images, np.memmap) or images.nbytes <= RESIDENT_BYTES
        # A copy: the images may be read-only. Channels stay last, the order in memory that convolutions like.
        self._pixels = torch.from_numpy(np.array(images)).to(device) if resident else None

    @property
    def resident(self) -> bool:
        """Whether all of them are on the device, so that `batch` need not ask the host."""
        return self._pixels is not None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of one image."""
        height, width, channel = self._images.shape[1:]
        return channel, height, width

    def batch(self, ids: Int64[Tensor, " b"]) -> Float[Tensor, "b channel height width"]:
        """The images of `ids` as they are."""
        if self._pixels is not None:
            pixels = self._pixels[ids]
        else:
            pixels = torch.from_numpy(self._images[ids.cpu().numpy()]).to(self.device)
        return (pixels.permute(0, 3, 1, 2).to(self.mean.dtype) - self.mean) / self.std

    def views(self, key: int | UInt64[ndarray, " n"], ids: Int64[ndarray, " n"]) -> Int64[ndarray, "3 n"]:
        """How each image is shown, as `key` (or a key for each) and its own id decide: mirrored (1) or not, and top and
        left of the window in the padded image."""
        if self.augment == "none":
            return np.zeros((3, len(ids)), np.int64)
        draw, places = mix(key, ids), np.uint64(2 * PAD + 1)
        views = [draw & np.uint64(1), (draw >> np.uint64(8)) % places, (draw >> np.uint64(24)) % places]
        return np.stack(views).astype(np.int64)

    def augmented(
        self, ids: Int64[Tensor, " b"], views: Int64[Tensor, "3 b"]
    ) -> Float[Tensor, "b channel height width"]:
        """The images of `ids`, mirrored and cropped as their `views` say and the setting `augment` wants."""
        x = self.batch(ids)
        if self.augment == "none":
            return x
        mirrored, top, left = views
        x = torch.where(mirrored.bool().view(-1, 1, 1, 1), x.flip(3), x)
        return x if self.augment == "flip" else _crop(x, top, left)


def _statistics(
    images: UInt8[ndarray, "n height width channel"], ids: Int64[ndarray, " train"]
) -> tuple[Float64[ndarray, " channel"], Float64[ndarray, " channel"]]:
    """Mean and standard deviation (at least 1) of each channel over the images `ids`.

    Integer sums are exact, so they do not depend on the order of summation.
    """
    total = square = np.zeros(images.shape[3], dtype=np.int64)
    for start in range(0, len(ids), STATISTICS_ROWS):
        pixels = images[ids[start : start + STATISTICS_ROWS]].reshape(-1, images.shape[3])
        total = total + pixels.sum(0, dtype=np.int64)
        square = square + (pixels.astype(np.uint16) ** 2).sum(0, dtype=np.int64)
    n_pixels = len(ids) * images.shape[1] * images.shape[2]
    mean = total / n_pixels
    return mean, np.sqrt(np.maximum(square / n_pixels - mean**2, 1.0))


def _crop(
    x: Float[Tensor, "b channel height width"], top: Int64[Tensor, " b"], left: Int64[Tensor, " b"]
) -> Float[Tensor, "b channel height width"]:
    """The window of x's own size at (top, left) in x padded by PAD zeros on every side."""
    height, width = x.shape[2:]
    rows = top[:, None] + torch.arange(height, device=x.device)
    columns = left[:, None] + torch.arange(width, device=x.device)
    padded = pad(x, (PAD,) * 4)
    sample = torch.arange(len(x), device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
