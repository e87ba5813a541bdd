"""The networks: each gives penultimate features h [B, d] and logits [B, n_classes] of a batch of images."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from acl.config import RunConfig
from acl.seeds import generator

GRID = 4  # cells a side of the small CNN's last map


class Network(nn.Module):
    """A body that ends in d features, and one linear head for every class of the stream."""

    def __init__(self, body: nn.Module, dim: int, n_classes: int, in_bfloat16: bool = False) -> None:
        """in_bfloat16: products are worked out in it (torch.autocast); weights, h and logits stay what they are."""
        super().__init__()
        self.body = body
        self.head = nn.Linear(dim, n_classes)
        self.in_bfloat16 = in_bfloat16

    def forward(
        self, x: Float[Tensor, "batch channel height width"]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch n_classes"]]:
        """h [B, d] and logits [B, n_classes] of images [B, C, H, W], in the dtype of `x`."""
        if not self.in_bfloat16:
            h = self.body(x)
            return h, self.head(h)
        # Without its cache of converted weights, which a captured step would go on reading.
        with torch.autocast(x.device.type, torch.bfloat16, cache_enabled=False):
            h = self.body(x)
            logits = self.head(h)
        return h.to(x.dtype), logits.to(x.dtype)


class GridMean(nn.Module):
    """Mean over each cell of a `side` × `side` grid: nn.AdaptiveAvgPool2d, whose gradient a GPU sums in no fixed order.

    There it is written as two matrix products; on a CPU torch's own is faster and in order.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel side side"]:
        """Means [B, C, side, side] of maps [B, C, H, W]."""
        if x.device.type == "cpu":
            return adaptive_avg_pool2d(x, self.side)
        return self.as_products(x)

    def as_products(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel side side"]:
        """The same as two matrix products, whose gradient is the same each time."""
        rows, columns = (self._cells(size, x) for size in x.shape[2:])
        return rows @ x @ columns.T

    def _cells(self, size: int, like: Tensor) -> Float[Tensor, "side size"]:
        """Row i averages the positions of cell i: from ⌊i·size/side⌋ to before ⌈(i+1)·size/side⌉."""
        i = torch.arange(self.side, device=like.device)[:, None]
        place = torch.arange(size, device=like.device)
        inside = (place >= i * size // self.side) & (place < -(-(i + 1) * size // self.side))
        return (inside / inside.sum(1, keepdim=True)).to(like.dtype)


def _mlp(shape: tuple[int, int, int], width: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), width), nn.ReLU())


def _cnn(shape: tuple[int, int, int], width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(shape[0], 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        GridMean(GRID),
        nn.Flatten(),
        nn.Linear(64 * GRID**2, width),
        nn.ReLU(),
    )


def _resnet18(shape: tuple[int, int, int], width: int) -> nn.Module:
    """K. He et al., 2016, with the stem for small images: 3×3, stride 1, and no max-pool for those of 32 pixels.

    Larger ones (TinyImageNet) keep torchvision's max-pool. `width` has no say: h has 512 dimensions.
    """
    from torchvision.models import resnet18  # a second of imports that small networks do not need

    body: nn.Module = resnet18()
    body.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
    if not _keeps_torchvisions(shape):
        body.maxpool = nn.Identity()
    body.fc = nn.Identity()
    return body


def _keeps_torchvisions(shape: tuple[int, int, int]) -> bool:
    """Whether ResNet-18 keeps torchvision's max-pool and first weights for these images, as in AccuACL's code."""
    return max(shape[1:]) > 32


BODIES = {"mlp": _mlp, "cnn": _cnn, "resnet18": _resnet18}


def build_model(config: RunConfig, shape: tuple[int, int, int], n_classes: int) -> Network:
    """The network of `config` for images of `shape` (channel, height, width), first weights from the seed.

    Batch normalisation starts as torch has it, with ones and zeros. The weights are drawn in float32 and then have
    the precision of `config`, so that a seed means the same network in either.
    """
    body = BODIES[config.model](shape, config.width)
    model = Network(body, config.feature_dim, n_classes, config.precision == "bfloat16")
    init_weights(model, draw := generator(config.seed, "init"))
    if config.model == "resnet18" and _keeps_torchvisions(shape):
        _init_as_torchvision(model.body, draw)
    return model.to(getattr(torch, config.numbers))


def init_weights(model: nn.Module, draw: torch.Generator) -> None:
    """Linear and convolutional layers from `draw`, in the order torch lists them."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            _init(module, draw)


@torch.no_grad()
def _init_as_torchvision(body: nn.Module, draw: torch.Generator) -> None:
    """torchvision's ResNet: convolutions normal with variance 2/fan_out (K. He et al., 2015), but for the new stem."""
    for name, module in body.named_modules():
        if isinstance(module, nn.Conv2d) and name != "conv1":
            fan_out = module.out_channels * math.prod(module.kernel_size)
            module.weight.normal_(0, math.sqrt(2 / fan_out), generator=draw)


@torch.no_grad()
def _init(module: nn.Linear | nn.Conv2d, draw: torch.Generator) -> None:
    """torch's own default: uniform in ±1/√fan_in, weights and bias alike."""
    bound = 1 / math.sqrt(module.weight[0].numel())
    module.weight.uniform_(-bound, bound, generator=draw)
    if module.bias is not None:
        module.bias.uniform_(-bound, bound, generator=draw)
