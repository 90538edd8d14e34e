"""A tiny prompted classification, and the scores that a module gives its answers."""

import pytest
import torch

from modules import PromptedClassification
from tests import tiny

TEMPLATE = "{{ text }}\nIt is"
WORDS = {"negative": "stupid", "positive": "clever"}


def task(**settings) -> PromptedClassification:
    return PromptedClassification(**{"template": TEMPLATE, "verbalizer": WORDS, **settings})


def validated(module, data):
    return tiny.trainer([]).validate(module, data, verbose=False)[0]


def scores_of(module, data, split: str = "validation"):
    """Logits of all rows, in their order, as the module gives them batch by batch."""
    seen, step = {}, module._step

    def watched(batch, stage):
        out = step(batch, stage)
        seen.update(zip(batch["index"].tolist(), out["logits"], strict=True))
        return out

    module._step = watched
    shown = validated(module, data)
    return torch.stack([seen[row] for row in sorted(seen)]), shown


both = pytest.mark.parametrize("model", ["llama", "cloze"], indirect=True)
