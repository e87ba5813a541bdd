"""Settings that contradict each other or the images: said before a run begins, instead of failing on its way."""

from __future__ import annotations

from acl.config import FULL, RunConfig, UserError
from acl.stream.types import TaskStream
from acl.system.device import cuda_devices

RESNET_STRIDE = 8
"""Images of up to so many pixels a side leave ResNet-18 as one value a channel (torchvision's strides, small stem)."""


def least_batch(config: RunConfig, height: int, width: int) -> int:
    """The fewest images one forward pass of a training may hold: batch normalisation needs two values a channel."""
    return 2 if config.model == "resnet18" and max(height, width) <= RESNET_STRIDE else 1


def refuse_contradictions(config: RunConfig, stream: TaskStream) -> None:
    """UserError where these settings cannot go together on this stream."""
    height, width, channels = stream.images.shape[1:]
    if config.label_noise and min(len(task.classes) for task in stream.tasks) == 1:
        raise UserError(
            f"label_noise must be 0 where a task has one class, because a wrong label is another class of the task, "
            f"got {config.label_noise:g}: set classes_per_task to 2 or more."
        )
    if config.precision == "tf32" and (config.device == "cpu" or not cuda_devices()):
        raise UserError(
            "precision=tf32 is a number format of GPUs, and this run is for the CPU: set precision=float32."
        )
    if least_batch(config, height, width) > 1:
        _refuse_single_images(config, stream)
    if config.model == "cnn" and min(height, width) < 2:
        raise UserError(f"model=cnn needs images of 2×2 pixels or more, got {height}×{width}: choose model=mlp.")
    if config.backbone != "none" and channels not in {1, 3}:
        raise UserError(f"A frozen backbone needs images of 1 or 3 channels, got {channels}: set backbone=none.")


def _refuse_single_images(config: RunConfig, stream: TaskStream) -> None:
    """A last batch of one image joins the batch before it (acl.training); where there is none, nothing helps."""
    first = config.n_start if config.strategy != FULL else min(len(task.train_ids) for task in stream.tasks)
    sizes = {
        "batch_size": config.batch_size,
        **({"memory": config.memory, "memory_batch_size": config.memory_batch_size} if config.memory else {}),
        "The smallest task" if config.strategy == FULL else "n_start": first,
    }
    for name, size in sizes.items():
        if size < 2:
            height, width = stream.images.shape[1:3]
            raise UserError(
                f"{name} must be at least 2 for model=resnet18 on images of {height}×{width} pixels, because its batch "
                f"normalisation sees one value of each image, got {size}: choose another network, or larger images."
            )
