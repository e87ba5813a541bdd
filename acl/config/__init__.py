"""RunConfig: every choice of one run, checked once when it is made, JSON both ways."""

from acl.config.reading import AS_WRITTEN, EARLIER, FORMAT, NO_CHOICE, check_method, read_config
from acl.config.run_config import RESNET18_DIM, RunConfig, field_names, listed, make_config
from acl.config.settings import BACKBONES, FULL, LARGEST, METHOD
from acl.errors import UserError, near, told

__all__ = [
    "AS_WRITTEN", "BACKBONES", "EARLIER", "FORMAT", "FULL", "LARGEST", "METHOD", "NO_CHOICE", "RESNET18_DIM",
    "RunConfig", "UserError", "check_method", "field_names", "listed", "make_config", "near", "read_config", "told",
]  # fmt: skip
