"""All data modules by name, loaded at their first use: the corpus pipeline needs no Lightning."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.classification import (
        SST2,
        ChineseReviews,
        Glue,
        IMDb,
        RottenTomatoes,
        TextFiles,
    )
    from datamodules.corpus import Corpus
    from datamodules.instructions import Instructions
    from datamodules.preferences import Preferences
    from datamodules.sentence_pairs import SNLI
    from datamodules.tagging import WNUT, TaggedFiles

__all__ = [
    "SNLI",
    "SST2",
    "WNUT",
    "ChineseReviews",
    "Corpus",
    "Glue",
    "IMDb",
    "Instructions",
    "Preferences",
    "RottenTomatoes",
    "TaggedFiles",
    "TextFiles",
]
_HOMES = {
    "Corpus": "corpus",
    "Instructions": "instructions",
    "Preferences": "preferences",
    "SNLI": "sentence_pairs",
    "TaggedFiles": "tagging",
    "WNUT": "tagging",
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = importlib.import_module(f"datamodules.{_HOMES.get(name, 'classification')}")
        return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
