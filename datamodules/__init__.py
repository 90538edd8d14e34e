"""Every DataModule by name; loaded when asked for, as the corpus pipeline needs no Lightning."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.classification import SST2, Glue, IMDb, RottenTomatoes, TextFiles
    from datamodules.corpus import Corpus

__all__ = ["SST2", "Corpus", "Glue", "IMDb", "RottenTomatoes", "TextFiles"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = "corpus" if name == "Corpus" else "classification"
        return getattr(importlib.import_module(f"datamodules.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
