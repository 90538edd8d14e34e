"""A batch of a loader of one's own that a module cannot read is refused in one line."""

import pytest
import torch
from lightning.pytorch import Trainer

import modules
from tests.test_own_mistakes import SETTINGS, refused, rows


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.bool])
def test_labels_of_another_type(kind, bert):
    """As other libraries give them; cross-entropy would raise an error of its own."""
    module = modules.FullFineTuning(backbone=bert)
    wanted = rf"int64 of shape \(rows,\), and the labels are {str(kind)[6:]} of shape \(2,\)$"
    loader = rows(labels=torch.tensor([0, 1]).to(kind))
    refused(module, loader, wanted)
    with pytest.raises(ValueError, match=wanted):
        Trainer(accelerator="cpu", **SETTINGS).validate(module, loader, verbose=False)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"input_ids": torch.full((2, 4), -3)}, "the token id -3, and the vocabulary"),
        ({"input_ids": torch.full((2, 4), 6.0)}, "input_ids are float32 and have to be"),
        ({"input_ids": torch.full((2,), 6)}, r"input_ids has shape \(2,\) and has to be a tensor"),
        (
            {"attention_mask": torch.ones(2, 3).long()},
            r"have the shapes \(2, 4\) and \(2, 3\), and have to have the same",
        ),
    ],
)
def test_tokens_of_another_form(entry, reason, bert):
    loader = rows(labels=torch.tensor([0, 1]), **entry)
    refused(modules.FullFineTuning(backbone=bert), loader, f"^a batch.*{reason}")


def test_numbers_of_double_precision_train(bert):
    module = modules.FullFineTuning(backbone=bert, task=modules.Regression())
    loader = rows(labels=torch.tensor([0.0, 1.0], dtype=torch.float64))
    Trainer(max_steps=1, accelerator="cpu", **SETTINGS).fit(module, loader)
