"""Parameters that have no part in an objective's loss: which are frozen, and which may wait."""

import warnings
from types import SimpleNamespace

import pytest
import transformers
from torch import nn

from modules import MaskedLM
from modules.pretraining.unused import experts, freeze_unused
from tests import stories

WIDTHS = {"vocab_size": 32, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_heads": 2}


class _WithExpert(MaskedLM):
    """Holds a dense layer that no loss reads, with a name as experts have."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.expert_head = nn.Linear(4, 4)


class _NeedsMore(MaskedLM):
    def corrupt(self, batch, generator):
        batch["sentiment"]
        return super().corrupt(batch, generator)


class _Broken(MaskedLM):
    def losses(self, example):
        raise RuntimeError("shapes differ")


def test_a_dense_layer_is_frozen_whatever_its_name(path):
    module = stories.make(_WithExpert, path)
    with pytest.warns(UserWarning, match="_WithExpert and are frozen: expert_head"):
        assert {"expert_head.weight", "expert_head.bias"} <= {*freeze_unused(module)}
    assert not module.expert_head.weight.requires_grad


def test_experts_are_told_by_the_config():
    config = transformers.SwitchTransformersConfig(
        **WIDTHS, num_layers=2, num_experts=2, num_sparse_encoder_layers=1, expert_capacity=8
    )
    model = transformers.SwitchTransformersForConditionalGeneration(config)
    found = experts(model)
    names = [name for name, p in model.named_parameters() if id(p) in found]
    assert names and all(".experts." in name for name in names)
    assert len(names) == sum(".experts." in name for name, _ in model.named_parameters())
    dense = transformers.T5ForConditionalGeneration(transformers.T5Config(**WIDTHS, num_layers=2))
    assert experts(dense) == set()


@pytest.mark.parametrize("count", ["num_local_experts", "n_routed_experts", "moe_num_experts"])
def test_experts_of_other_configs_in_one_parameter_each(count):
    model = nn.Linear(2, 2)
    model.up = nn.Parameter(nn.init.zeros_(nn.Linear(4, 6).weight.new_empty(3, 4, 6)))
    model.config = SimpleNamespace(to_dict=lambda: {"text_config": {count: 3}})
    assert experts(model) == {id(model.up)}
    model.config = SimpleNamespace(to_dict=lambda: {"n_shared_experts": 3, "num_experts": None})
    assert experts(model) == set()


def test_what_a_batch_lacks_is_named_and_other_errors_are_raised(path):
    module = stories.make(_NeedsMore, path)
    with pytest.warns(UserWarning, match="_NeedsMore: .* not looked for.*KeyError: 'sentiment'"):
        assert freeze_unused(module) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError, match="shapes differ"):
            freeze_unused(stories.make(_Broken, path))
