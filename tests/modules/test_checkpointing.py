"""Gradient checkpointing: the same training with fewer activations, or one line that refuses it."""

import pytest
import torch

from modules import FullFineTuning, LinearProbe, MaskedLM, PermutationLM, PrefixTuning
from modules.checkpointing import GradientCheckpointing
from tests import stories, tiny


@pytest.mark.slow
@pytest.mark.parametrize("strategy", tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_a_strategy_trains_the_same(strategy, bert, reviews, monkeypatch):
    calls, checkpoint = [], torch.utils.checkpoint.checkpoint
    monkeypatch.setattr(
        "transformers.modeling_utils.checkpoint",
        lambda *a, **k: calls.append(k) or checkpoint(*a, **k),
    )
    data, ends = tiny.read(reviews, bert, batch_size=8), []
    for enabled in (True, False):
        settings = {} if strategy is PrefixTuning else {"backbone_dropout": 0.1}
        module = tiny.make(strategy, bert, **settings)
        callback = GradientCheckpointing(enabled)
        if strategy is PrefixTuning and enabled:
            with pytest.raises(
                ValueError, match="PrefixTuning: a prefix of keys and values cannot"
            ):
                tiny.fit(module, data, callback, max_epochs=1)
            return
        tiny.fit(module, data, callback, max_epochs=1)
        assert not any(getattr(m, "gradient_checkpointing", False) for m in module.modules())
        ends.append(tiny.trained(module))
        # Of the first; a linear probe reads each row once, without a gradient through the network.
        assert bool(calls) != (strategy is LinearProbe)
        assert all(call["use_reentrant"] is False for call in calls)
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


@pytest.mark.slow
def test_fewer_activations_are_kept(bert, reviews):
    data = tiny.read(reviews, bert, batch_size=8)
    kept = {}
    for enabled in (True, False):
        module, sizes = tiny.make(FullFineTuning, bert), []

        def keep(value, sizes=sizes):
            sizes.append(value.numel())
            return value

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            callback = GradientCheckpointing(enabled)
            tiny.fit(module, data, callback, max_steps=1, limit_val_batches=0)
        kept[enabled] = sum(sizes)
    assert kept[True] != kept[False]


def test_an_objective_trains_the_same_and_xlnet_is_refused(tmp_path):
    path, ends = stories.write(tmp_path / "stories"), []
    for enabled in (True, False):
        data, module = stories.corpus(path, MaskedLM), stories.make(MaskedLM, path, dropout=0.1)
        callback = GradientCheckpointing(enabled)
        tiny.fit(module, data, callback, max_steps=3)
        ends.append(tiny.trained(module))
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    with pytest.raises(ValueError, match="PermutationLM: transformers does not have it for xlnet"):
        GradientCheckpointing().check(stories.make(PermutationLM, path))
