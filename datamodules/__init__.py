"""All data modules by name, loaded at their first use: the corpus pipeline needs no Lightning."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.classification import SST2, Glue, IMDb, RottenTomatoes, TextFiles
    from datamodules.corpus import Corpus
    from datamodules.instructions import Instructions

__all__ = ["SST2", "Corpus", "Glue", "IMDb", "Instructions", "RottenTomatoes", "TextFiles"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = {"Corpus": "corpus", "Instructions": "instructions"}.get(name, "classification")
        return getattr(importlib.import_module(f"datamodules.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
