"""A masking share that changes over a run: what each step masks, the log, validation."""

import pytest
import torch

from modules import (
    HybridLM,
    MaskedLM,
    NextSentencePrediction,
    ReplacedTokenDetection,
    SentenceOrderPrediction,
)
from tests import stories, tiny

MASKING = (
    MaskedLM,
    NextSentencePrediction,
    SentenceOrderPrediction,
    HybridLM,
    ReplacedTokenDetection,
)


@pytest.mark.parametrize("objective", MASKING)
def test_share_falls_with_the_steps_and_validation_masks_by_the_last(objective, path):
    module = stories.make(objective, path, probability=0.8, final_probability=0.2)
    seen = []
    corrupt = module.corrupt

    def counted(batch, generator):
        example = corrupt(batch, generator)
        seen.append((module.training, module.mask_sampler.probability))
        return example

    module.corrupt = counted
    data = stories.corpus(path, objective)
    run = tiny.fit(module, data, max_epochs=1, limit_train_batches=4, limit_val_batches=1)
    training = [share for trains, share in seen if trains]
    assert training[-4:] == pytest.approx([0.8, 0.65, 0.5, 0.35])
    others = [share for trains, share in seen if not trains]
    assert others and others == pytest.approx([0.2] * len(others))
    assert float(run.callback_metrics["train/mask_probability"]) == pytest.approx(0.35)


def test_share_is_that_of_the_tokens(path):
    module = stories.make(MaskedLM, path, probability=0.9, final_probability=0.1)
    batch = next(iter(stories.corpus(path, MaskedLM, batch_size=60).train_dataloader()))
    for mode, wanted in ((True, 0.9), (False, 0.1)):
        example = module.train(mode).corrupt(batch, torch.Generator().manual_seed(0))
        special = torch.isin(batch["input_ids"], module.mask_sampler.special)
        count = (batch["attention_mask"].bool() & ~special).sum()
        assert float(example["target_mask"].sum() / count) == pytest.approx(wanted, abs=0.05)


def test_a_constant_share_is_not_logged(path):
    module = stories.make(MaskedLM, path)
    batch = next(iter(stories.corpus(path, MaskedLM).train_dataloader()))
    assert "mask_probability" not in module._step(batch, 0)[0]
