"""RunConfig: the settings of one run, checked against each other when it is made, JSON both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError, field_validator, model_validator

from acl.config import values as written
from acl.config.settings import FULL, Settings
from acl.errors import UserError, near, told

RESNET18_DIM = 512


class RunConfig(Settings):
    """All settings of one run. Equal configs on the same kind of device give bitwise equal runs.

    Field titles and descriptions are what forms and the command line show; `group` sorts them there.
    """

    _plain_numbers = field_validator("*")(written.plain_number)
    _auto_lambda = field_validator("lambda_", mode="before")(written.none_where("auto"))
    _exact_classes = field_validator("top_classes", mode="before")(written.none_where("exact"))
    _all_images = field_validator("max_per_class", mode="before")(written.none_where("all"))
    _sizes = field_validator("classes_per_task", mode="before")(written.sizes)
    _comma_separated = field_validator("class_order", mode="before")(written.comma_separated)

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
        """What "auto" comes to: float64 for the small network, whose bits are the same everywhere, else float32."""
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
        """Every setting by the name that users write; `from_json` reads it."""
        return json.dumps(self.model_dump(by_alias=True), indent=1)

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """What `to_json` wrote. Not pydantic's own reader: it takes no file name whose bytes are no UTF-8."""
        return cls.model_validate(json.loads(text))

    def changed(self, **values: Any) -> RunConfig:
        """A copy with other values, checked like a new one."""
        return make_config({**self.model_dump(by_alias=True), **values})


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
