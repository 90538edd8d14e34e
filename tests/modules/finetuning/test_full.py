"""Full fine-tuning from layers that begin anew."""

import pytest
import torch
import transformers

from modules import Classification, FullFineTuning, load
from modules.exporting import export
from modules.finetuning.full import reinitialize
from modules.layout import layer_groups
from tests import tiny


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_top_layers_begin_anew(backbone, count):
    plain = tiny.make(FullFineTuning, backbone)
    module = tiny.make(FullFineTuning, backbone, reinitialized_layers=count)
    groups, new = layer_groups(module.model), {f"layer.{n}" for n in range(2 - count, 2)}
    assert {"layer.0", "layer.1"} < {*groups}
    for group, names in groups.items():
        for name in names:
            value = module.model.get_parameter(name)
            same = torch.equal(value, plain.model.get_parameter(name))
            if value.ndim > 1:
                assert same == (group not in new), name
            assert value.requires_grad


def test_another_seed_draws_others(bert):
    first, second = (
        tiny.make(FullFineTuning, bert, seed, reinitialized_layers=1) for seed in (0, 1)
    )
    name = "model.bert.encoder.layer.1.output.dense.weight"
    assert not torch.equal(first.get_parameter(name), second.get_parameter(name))


@pytest.mark.parametrize("pooling", ["native", "mean"])
def test_an_export_opens_with_the_layers_as_they_were(bert, tmp_path, pooling):
    task = Classification(labels=["a", "b"], pooling=pooling)
    module = tiny.make(FullFineTuning, bert, task=task, reinitialized_layers=1).eval()
    again = load(export(module, tmp_path / "export"))
    texts = ["a film", "another film"]
    assert again.predict_proba(texts).tolist() == module.predict_proba(texts).tolist()


SMALL = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
FAMILIES = {
    "modernbert": {"intermediate_size": 48, "pad_token_id": 0},
    "gpt2": {},
    "t5": {"d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 2, "d_kv": 16},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48},
    "deberta-v2": {"intermediate_size": 48},
    "qwen2": {"intermediate_size": 48, "num_key_value_heads": 2},
    "mixtral": {"intermediate_size": 48, "num_key_value_heads": 2, "num_local_experts": 2},
    "mamba": {},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_draws_them_as_in_a_new_network(family):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(family, **SMALL | FAMILIES[family])
    if family == "t5":
        config.decoder_start_token_id = 0
    model = transformers.AutoModel.from_config(config)
    groups = layer_groups(model)
    names = groups[[group for group in groups if group.startswith("layer.")][-1]]
    fresh = {name: float(p.std()) for name, p in model.named_parameters() if p.ndim > 1}
    before = {name: value.clone() for name, value in model.named_parameters()}
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(3.0)
    reinitialize(model, names)
    for name, value in model.named_parameters():
        if name not in names:
            assert torch.equal(value, 3 * before[name]), name
        elif value.ndim > 1 and value.numel() > 64 and fresh[name]:
            assert float(value.std()) == pytest.approx(fresh[name], rel=0.5), name


def test_what_a_family_does_not_draw_is_refused(bert):
    module = tiny.make(FullFineTuning, bert)
    module.model._init_weights = lambda part: None
    with pytest.raises(ValueError, match="^--model.reinitialized_layers: bert draws no new bert"):
        reinitialize(module.model, layer_groups(module.model)["layer.1"])


def test_more_layers_than_there_are_is_refused_in_one_line(backbone):
    kind = "bert" if "bert" in backbone else "llama"
    with pytest.raises(ValueError, match=f"^--model.reinitialized_layers 3: {kind} has 2 layers$"):
        tiny.make(FullFineTuning, backbone, reinitialized_layers=3)
