"""Every DataModule by name; loaded when asked for, as the corpus pipeline needs no Lightning."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.classification import SST2, Glue, IMDb, RottenTomatoes, TextFiles

__all__ = ["Glue", "IMDb", "RottenTomatoes", "SST2", "TextFiles"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("datamodules.classification"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
