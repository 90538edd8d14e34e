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
    from datamodules.questions import ChoiceFiles, Descriptions, QuestionFiles, SocialIQA, SQuAD
    from datamodules.sentence_pairs import SNLI
    from datamodules.sequence_pairs import Headlines, Seq2SeqFiles, Translations
    from datamodules.tagging import WNUT, PeoplesDaily, TaggedFiles

__all__ = [
    "SNLI",
    "SST2",
    "WNUT",
    "ChineseReviews",
    "ChoiceFiles",
    "Corpus",
    "Descriptions",
    "Glue",
    "Headlines",
    "IMDb",
    "Instructions",
    "PeoplesDaily",
    "Preferences",
    "QuestionFiles",
    "RottenTomatoes",
    "SQuAD",
    "Seq2SeqFiles",
    "SocialIQA",
    "TaggedFiles",
    "TextFiles",
    "Translations",
]
_HOMES = {
    "ChoiceFiles": "questions",
    "Corpus": "corpus",
    "Descriptions": "questions",
    "Headlines": "sequence_pairs",
    "Instructions": "instructions",
    "PeoplesDaily": "tagging",
    "Preferences": "preferences",
    "QuestionFiles": "questions",
    "SNLI": "sentence_pairs",
    "SQuAD": "questions",
    "Seq2SeqFiles": "sequence_pairs",
    "SocialIQA": "questions",
    "TaggedFiles": "tagging",
    "Translations": "sequence_pairs",
    "WNUT": "tagging",
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = importlib.import_module(f"datamodules.{_HOMES.get(name, 'classification')}")
        return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
