"""RunConfig: every choice of one run, checked once when it is made, JSON both ways."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from acl.names import from_json_file, sentence_of

FORMAT = "1"
"""Of snapshot and sweep files."""
METHOD: Literal[2] = 2
"""The method runs are made under, the `format` of their config.json. Method 1 worked in float32 throughout and gave
every strategy probabilities over all classes seen: its runs can be looked at and compared, not gone on with."""
# The frozen backbones, and the name of their last layer, which is taken off.
BACKBONES = {"resnet18": "fc", "resnet50": "fc", "mobilenet_v3_small": "classifier", "efficientnet_lite0": "_fc"}
FULL = "full"
LARGEST = 2**31 - 1
"""Of all whole numbers in the settings: larger ones mean nothing more, and do not fit where libraries count."""
RESNET18_DIM = 512
AS_WRITTEN = frozenset({"data", "weights", "label_column"})
"""Settings that name a place on a disk or in a file: what is no UTF-8 or not printable in them belongs to it."""


class UserError(ValueError):
    """Something the user can mend. The message is one sentence: what is wrong, where, and what to do.

    What it repeats of anybody's input is made printable, and cut: terminals, logs and pages show it as it stands here.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence_of(sentence))


class RunConfig(BaseModel):
    """All settings of one run. Equal configs on the same kind of device give bitwise equal runs.

    Field titles and descriptions are what forms and the command line show; `group` sorts them there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    preset: str = Field(
        "",
        title="Preset",
        description="Where the settings started from.",
        json_schema_extra={"group": "hidden"},
    )
    method: Literal[1, 2] = Field(
        METHOD,
        title="Method",
        description="What the run was made under: 1 is that of earlier versions (float32, other probabilities).",
        json_schema_extra={"group": "hidden"},
    )
    dataset: str = Field(
        "digits",
        title="Data",
        description="The labelled images that are cut into a stream of tasks.",
        json_schema_extra={"group": "main"},
    )
    learner: str = Field(
        "er",
        title="CL method",
        description="How the network keeps old tasks while it learns a new one.",
        json_schema_extra={"group": "main"},
    )
    strategy: str = Field(
        "accuacl",
        title="Query strategy",
        description="Who decides which samples are worth a label; 'full' labels them all.",
        json_schema_extra={"group": "main"},
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        title="Seed",
        description="Runs that share a seed share their first network, first labels and order of samples.",
        json_schema_extra={"group": "main"},
    )
    n_start: int = Field(
        10,
        ge=1,
        title="First labels per task",
        description="Samples labelled at random when a task arrives.",
        json_schema_extra={"group": "budget"},
    )
    n_query: int = Field(
        10,
        ge=1,
        title="Labels per query round",
        description="Samples the strategy may buy in one query round.",
        json_schema_extra={"group": "budget"},
    )
    n_end: int = Field(
        40,
        ge=1,
        title="Label budget per task",
        description="Labels of one task in all; the query rounds stop here.",
        json_schema_extra={"group": "budget"},
    )
    memory: int = Field(
        10,
        ge=0,
        title="Memory size",
        description="Old samples that may be kept for replay; 0 keeps none.",
        json_schema_extra={"group": "main"},
    )
    memory_policy: Literal["reservoir", "balanced"] = Field(
        "reservoir",
        title="Memory policy",
        description="Reservoir keeps a uniform sample of all labels so far; balanced keeps as many of each class.",
        json_schema_extra={"group": "learner"},
    )
    refill: Literal["full", "paper"] = Field(
        "full",
        title="Balanced refill",
        description="What a class cannot fill of a balanced memory goes to the others (full) or stays empty (paper).",
        json_schema_extra={"group": "learner"},
    )
    replay: Literal["cycle", "once", "paper"] = Field(
        "cycle",
        title="Replay",
        description="Cycle draws old samples at every step; once shows each at most once an epoch; "
        "paper is what the authors' code does: once for ER, cycle for the others, 32 a step for GSS.",
        json_schema_extra={"group": "learner"},
    )
    memory_batches: int = Field(
        1,
        ge=1,
        title="Memory batches",
        description="GSS scores a sample against the gradients of this many random batches of the memory.",
        json_schema_extra={"group": "learner"},
    )
    lambda_: float | None = Field(
        None,
        alias="lambda",
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="λ, weight of the past",
        description="How much of AccuACL's target is the memory; auto is the share of all samples seen in past tasks.",
        json_schema_extra={"group": "strategy"},
    )
    dims_per_class: int = Field(
        5,
        ge=1,
        title="Dimensions per class",
        description="Fisher entries AccuACL keeps for each output of the network (shared by the classes of the query).",
        json_schema_extra={"group": "strategy"},
    )
    oversample: float = Field(
        2.0,
        ge=1,
        le=LARGEST,
        allow_inf_nan=False,
        title="Oversampling",
        description="AccuACL takes this many times the picks by distribution, then cuts by magnitude.",
        json_schema_extra={"group": "strategy"},
    )
    top_classes: int | None = Field(
        None,
        ge=2,
        title="Top classes",
        description="BAIT looks only at this many of each sample's most probable classes; empty looks at all (exact).",
        json_schema_extra={"group": "strategy"},
    )
    label_noise: float = Field(
        0.0, ge=0, lt=1, allow_inf_nan=False, title="Label noise",
        description="Share of the labels that are wrong: another class of the task, drawn for each sample.",
        json_schema_extra={"group": "budget"},
    )  # fmt: skip
    data: str = Field(
        "",
        title="Own images",
        description="Path of your folder of images or Parquet files.",
        json_schema_extra={"group": "data"},
    )
    label_column: str = Field(
        "",
        title="Label column",
        description="Column of your Parquet files that holds the labels; empty finds it.",
        json_schema_extra={"group": "data"},
    )
    image_size: int = Field(
        32,
        ge=4,
        le=512,
        title="Image size",
        description="Own images are cut to a square and resized to this many pixels a side.",
        json_schema_extra={"group": "data"},
    )
    max_per_class: int | None = Field(
        None,
        ge=1,
        title="Images per class",
        description="Keep at most this many training and this many test images of each class; empty keeps all.",
        json_schema_extra={"group": "data"},
    )
    scenario: Literal["class", "domain"] = Field(
        "class",
        title="What a task brings",
        description="New classes (class-incremental), or all classes in a new look (domain-incremental).",
        json_schema_extra={"group": "data"},
    )
    classes_per_task: int | tuple[int, ...] = Field(
        2,
        title="Classes per task",
        description="How many new classes each task brings; 50,10 is 50 at first and then 10 each. The last task takes "
        "what is left.",
        json_schema_extra={"group": "data"},
    )
    class_order: tuple[int, ...] = Field(
        (),
        title="Order of classes",
        description="Class numbers from 0 in the order they come, e.g. 3,1,0,2; fewer leave the others out.",
        json_schema_extra={"group": "data"},
    )
    shuffle_classes: bool = Field(
        False,
        title="Shuffle classes",
        description="Deal the classes to the tasks in an order drawn from the seed.",
        json_schema_extra={"group": "data"},
    )
    domain: Literal["rotate", "permute", "folders"] = Field(
        "rotate",
        title="Looks",
        description="Images turned by even steps up to 180°, pixels in another fixed order, or a folder for each look.",
        json_schema_extra={"group": "data"},
    )
    domains: int = Field(
        5,
        ge=2,
        le=100,
        title="Number of looks",
        description="Tasks of a stream of turned or permuted images; the first shows them as they are.",
        json_schema_extra={"group": "data"},
    )
    model: Literal["mlp", "cnn", "resnet18"] = Field(
        "mlp",
        title="Network",
        description="A small multilayer perceptron, a small convolutional network, or ResNet-18 (for a GPU).",
        json_schema_extra={"group": "training"},
    )
    backbone: Literal["none", "resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_lite0"] = Field(
        "none",
        title="Frozen backbone",
        description="A trained network that turns images into features once; the MLP learns on those. "
        "efficientnet_lite0 comes by pip with its weights (requirements-photos.txt); the others are torchvision's.",
        json_schema_extra={"group": "training"},
    )
    weights: str = Field(
        "pretrained",
        title="Backbone weights",
        description="'pretrained' (fetched beforehand: acl data get, or installed), 'random', or a file "
        "(.safetensors, .pth).",
        json_schema_extra={"group": "training"},
    )
    width: int = Field(
        64,
        ge=2,
        le=4096,
        title="Feature dimensions",
        description="Size of the layer before the classifier, where strategies look (always 512 for resnet18).",
        json_schema_extra={"group": "training"},
    )
    epochs: int = Field(
        50, ge=1, title="Epochs", description="Passes over the task's labelled samples in each training.",
        json_schema_extra={"group": "training"},
    )  # fmt: skip
    batch_size: int = Field(
        16, ge=1, title="Batch size", description="New samples in one training step.",
        json_schema_extra={"group": "training"},
    )  # fmt: skip
    memory_batch_size: int = Field(
        16, ge=1, title="Memory batch size", description="Old samples replayed in one training step.",
        json_schema_extra={"group": "training"},
    )  # fmt: skip
    lr: float = Field(
        0.05, gt=0, le=1e38, allow_inf_nan=False, title="Learning rate",
        description="Step size of SGD at the first epoch.",
        json_schema_extra={"group": "training"},
    )  # fmt: skip
    lr_end: float = Field(
        0.05,
        ge=0,
        le=1e38,
        allow_inf_nan=False,
        title="Last learning rate",
        description="Step size that SGD's cosine heads for: it would be reached after the last epoch.",
        json_schema_extra={"group": "training"},
    )
    momentum: float = Field(
        0.8, ge=0, lt=1, title="Momentum", description="Share of the last step that SGD carries on.",
        json_schema_extra={"group": "training"},
    )  # fmt: skip
    weight_decay: float = Field(
        0.0, ge=0, le=1e38, allow_inf_nan=False, title="Weight decay", description="Pull of the weights towards zero.",
        json_schema_extra={"group": "training"},
    )  # fmt: skip
    augment: Literal["none", "flip", "crop_flip"] = Field(
        "none",
        title="Augmentation",
        description="Random mirror image, with or without a random crop (pad 4), in training.",
        json_schema_extra={"group": "training"},
    )
    precision: Literal["auto", "float64", "float32", "tf32", "bfloat16"] = Field(
        "auto",
        title="Precision",
        description="Of the network's numbers. float64 gives the same run on any processor; auto is float64 for the "
        "small perceptron and float32 for the others; tf32 (a GPU's) and bfloat16 round float32 in products.",
        json_schema_extra={"group": "machine"},
    )
    cuda_graphs: bool = Field(
        False,
        title="CUDA graphs",
        description="On a GPU, launch each training step as a whole: faster where a network is small for it.",
        json_schema_extra={"group": "machine"},
    )
    eval_batch: int = Field(
        1024, ge=1, title="Evaluation batch", description="Images in one forward pass outside training.",
        json_schema_extra={"group": "machine"},
    )  # fmt: skip
    threads: int = Field(
        1,
        ge=1,
        le=256,
        title="Threads",
        description="CPU threads of the run; part of the result's last bits, so it is recorded.",
        json_schema_extra={"group": "machine"},
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "cpu",
        title="Device",
        description="Where the network is trained; auto takes the GPU where there is one.",
        json_schema_extra={"group": "machine"},
    )
    snapshots: Literal["auto", "all", "last_round", "off"] = Field(
        "auto",
        title="Snapshots",
        description="Which queries are kept for inspection; auto keeps all while they stay under 200 MB.",
        json_schema_extra={"group": "machine"},
    )

    @field_validator("*")
    @classmethod
    def _plain_numbers(cls, value: Any) -> Any:
        if isinstance(value, int) and value > LARGEST:
            raise ValueError(f"must be at most {LARGEST:,}")
        return value + 0.0 if isinstance(value, float) else value  # −0 is 0

    @field_validator("lambda_", mode="before")
    @classmethod
    def _auto_lambda(cls, value: Any) -> Any:
        return None if isinstance(value, str) and value.lower() in {"auto", "none", ""} else value

    @field_validator("top_classes", mode="before")
    @classmethod
    def _exact_classes(cls, value: Any) -> Any:
        return None if isinstance(value, str) and value.lower() in {"exact", "none", ""} else value

    @field_validator("max_per_class", mode="before")
    @classmethod
    def _all_images(cls, value: Any) -> Any:
        return None if isinstance(value, str) and value.lower() in {"all", "none", ""} else value

    @field_validator("classes_per_task", mode="before")
    @classmethod
    def _sizes(cls, value: Any) -> Any:
        parts = value.replace(",", " ").split() if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            parts = [parts]
        try:
            sizes = [int(part) for part in parts if not isinstance(part, bool) and int(part) == float(part)]
        except (TypeError, ValueError, OverflowError):
            sizes = []
        if len(sizes) < max(len(parts), 1) or not all(1 <= size <= LARGEST for size in sizes):
            raise ValueError("must be a whole number of at least 1, or several such as 50,10")
        return sizes[0] if len(sizes) == 1 else tuple(sizes)

    @field_validator("class_order", mode="before")
    @classmethod
    def _comma_separated(cls, value: Any) -> Any:
        return tuple(part for part in value.replace(",", " ").split()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _budget_fits(self) -> RunConfig:
        if self.strategy != FULL and self.n_end < self.n_start:
            raise ValueError(
                f"n_end must be at least n_start ({self.n_start}), got {self.n_end}: "
                "the label budget of a task includes its first labels"
            )
        return self

    @model_validator(mode="after")
    def _backbone_has_a_head(self) -> RunConfig:
        if self.backbone != "none" and (self.model != "mlp" or self.augment != "none"):
            raise ValueError(
                "a frozen backbone needs model=mlp and augment=none, because its features are worked out once, "
                f"got model={self.model}, augment={self.augment}"
            )
        return self

    @property
    def feature_dim(self) -> int:
        """d, the size of h."""
        return RESNET18_DIM if self.model == "resnet18" else self.width

    @property
    def decided_precision(self) -> Literal["float64", "float32", "tf32", "bfloat16"]:
        if self.precision == "auto":
            return "float64" if self.model == "mlp" else "float32"
        return self.precision

    @property
    def numbers(self) -> Literal["float64", "float32"]:
        """In which weights, images and stored logits are held."""
        return "float64" if self.decided_precision == "float64" else "float32"

    @property
    def rounds(self) -> int:
        """Query rounds of one task (0 where every label is given at once)."""
        return 0 if self.strategy == FULL else -(-(self.n_end - self.n_start) // self.n_query)

    def to_json(self) -> str:
        return json.dumps(self.model_dump(by_alias=True), indent=1)

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """What `to_json` wrote. Not pydantic's own reader: it takes no file name whose bytes are no UTF-8."""
        return cls.model_validate(json.loads(text))

    def changed(self, **values: Any) -> RunConfig:
        """A copy with other values, checked like a new one."""
        return make_config({**self.model_dump(by_alias=True), **values})


def near(name: str, choices: Iterable[str], what: str) -> str:
    """The sentence for a name that does not exist: the near match first, then every choice."""
    names = sorted(choices)
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{match[0]}'?" if match else ""
    return f"Unknown {what} '{name}'.{hint} Choices: {', '.join(names)}."


def field_names() -> dict[str, str]:
    """Name of every setting as users write it -> attribute of RunConfig."""
    return {info.alias or name: name for name, info in RunConfig.model_fields.items()}


def listed() -> list[dict[str, str]]:
    """Every setting that is a choice, by group: name, title, group, default and meaning, as texts."""
    rows = []
    for name, attribute in field_names().items():
        info = RunConfig.model_fields[attribute]
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        value = info.get_default(call_default_factory=True, validated_data={})
        usual = "auto" if value is None else ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        rows.append({
            "name": name, "title": str(info.title), "group": str(extra.get("group")), "default": usual,
            "meaning": str(info.description),
        })  # fmt: skip
    order = list(dict.fromkeys(row["group"] for row in rows))
    return sorted((row for row in rows if row["group"] != "hidden"), key=lambda row: order.index(row["group"]))


def make_config(values: Mapping[str, Any]) -> RunConfig:
    """RunConfig from plain values; every mistake becomes one sentence (UserError)."""
    known = field_names()
    for name in values:
        if name not in known:
            raise UserError(near(name, known, "setting"))
    try:
        return RunConfig(**dict(values))
    except ValidationError as error:
        raise UserError(told(error)) from None


def told(error: ValidationError) -> str:
    """The first of what is wrong, as a sentence."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    if where == "lambda":
        return f"lambda must be between 0 and 1 (or auto), got {first['input']}."
    if not where:
        return f"{message.rstrip('.')}."
    rule = message.split(", unable")[0].replace("Input should", "must")
    return f"{where} {rule}, got {first['input']!r}."


def read_config(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The config of a run folder's config.json, and the extra entries beside it (format, parent)."""
    try:
        raw = from_json_file(path, AS_WRITTEN)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: this folder is not a run.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): restore it or delete the run.") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("config"), dict):
        raise UserError(f"{path} holds no run settings: restore it or delete the run.")
    method = str(raw.get("format", 1))
    if method not in {"1", "2"}:
        raise UserError(
            f"{path} has run format {raw.get('format')!r}, this version reads the formats 1 and {METHOD}: "
            "open it with the version that wrote it, or a newer one."
        )
    # Method 1 knew no precision: it worked in float32.
    said = {"method": int(method), **({"precision": "float32"} if method == "1" else {})}
    try:
        return make_config({**raw["config"], **said}), {k: v for k, v in raw.items() if k != "config"}
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


NO_CHOICE = "The method is no choice: it is what this version works by, so leave it out."
EARLIER = (
    "This run was made by an earlier version, with another method (float32, probabilities over all classes seen): "
    "it can be looked at, compared and exported, not resumed, forked or verified; start a new run."
)


def check_method(config: RunConfig) -> None:
    """UserError for a run of an earlier method: what is worked out today would be another run."""
    if config.method != METHOD:
        raise UserError(EARLIER)
