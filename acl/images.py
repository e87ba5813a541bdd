"""The images of a stream on the device: one uint8 tensor, normalised and augmented a batch at a time."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import pad

from acl.seeds import mix

PAD = 4


class Images:
    """`batch(ids)` is float32 [B, C, H, W], each channel with mean 0 and variance 1 over the training set."""

    def __init__(
        self,
        images: UInt8[ndarray, "n height width channel"],
        train_ids: Int64[ndarray, " train"],
        augment: str,
        device: torch.device,
    ) -> None:
        train = images[train_ids].reshape(-1, images.shape[3])
        # Integer sums are exact, so the statistics do not depend on the order of summation.
        total = train.sum(0, dtype=np.int64) / len(train)
        square = (train.astype(np.uint16) ** 2).sum(0, dtype=np.int64) / len(train)
        std = np.sqrt(np.maximum(square - total**2, 1.0))
        self.mean = torch.tensor(total, dtype=torch.float32, device=device).view(-1, 1, 1)
        self.std = torch.tensor(std, dtype=torch.float32, device=device).view(-1, 1, 1)
        self.pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)
        self.augment = augment

    @property
    def shape(self) -> tuple[int, int, int]:
        channel, height, width = self.pixels.shape[1:]
        return channel, height, width

    def batch(self, ids: Int64[Tensor, " b"]) -> Float[Tensor, "b channel height width"]:
        """The images of `ids` as they are."""
        return (self.pixels[ids].float() - self.mean) / self.std

    def augmented(self, ids: Int64[Tensor, " b"], key: int) -> Float[Tensor, "b channel height width"]:
        """The images of `ids`, each mirrored and cropped as `key` and its own id decide."""
        x = self.batch(ids)
        if self.augment == "none":
            return x
        draw = mix(key, ids.cpu().numpy())
        flip = torch.from_numpy((draw & np.uint64(1)).astype(bool)).to(x.device)
        x = torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)
        if self.augment == "flip":
            return x
        offsets = np.stack([draw >> np.uint64(8), draw >> np.uint64(24)]) % np.uint64(2 * PAD + 1)
        top, left = torch.from_numpy(offsets.astype(np.int64)).to(x.device)
        return _crop(x, top, left)


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
