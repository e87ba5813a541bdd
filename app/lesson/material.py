"""What chapter 1 shows: digits, or photographs where CIFAR-10 and a trained backbone are on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from acl.config import RunConfig, UserError
from acl.plugins.registry import lying
from acl.presets import preset_config
from acl.runs.folder import Run
from acl.stream.downloads import weights_file
from app.store.session import RECORDED


@dataclass(frozen=True)
class Material:
    """config: of a live run; recording: what is played before one, None where each run is made here."""

    name: str
    config: RunConfig
    recording: Run | None


DIGITS = Material(
    "digits",
    preset_config("digits-demo", learner="finetune", strategy="uniform"),
    Run(RECORDED / "recorded-finetune-uniform-digits-s0"),
)
# With 100 photographs of each class for training and as many for testing, the features take seconds.
PHOTOGRAPHS = Material(
    "photographs", preset_config("cifar10-photos", learner="finetune", strategy="uniform", max_per_class=100), None
)


def here() -> dict[str, Material]:
    """By name, what can be shown on this machine."""
    found = [DIGITS, PHOTOGRAPHS] if _can_run(PHOTOGRAPHS.config) else [DIGITS]
    return {each.name: each for each in found}


def _can_run(config: RunConfig) -> bool:
    """Whether its set has been fetched, or put there by torchvision, and its backbone with the weights is installed."""
    try:
        weights_file(config.backbone, config.weights)
    except UserError:
        return False
    return lying(config.dataset) is not None
