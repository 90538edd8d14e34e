"""Low-rank updates in place of a backbone's weights: what moves, how fast, and what is exported."""

import pytest
import torch
import transformers

from modules import (
    CausalLM,
    MaskedLM,
    PermutationLM,
    ReplacedTokenDetection,
    SentenceOrderPrediction,
    SpanCorruption,
)
from modules.exporting import export
from modules.optimization import UPDATES_FACTOR
from modules.pretraining import low_rank
from tests import stories, tiny
from tests.modules.pretraining import test_contract

KINDS = [
    (MaskedLM, "bert"),
    (MaskedLM, "modernbert"),
    (SentenceOrderPrediction, "albert"),
    (CausalLM, "gpt2"),
    (CausalLM, "llama"),
    (PermutationLM, "xlnet"),
    (SpanCorruption, "t5"),
]


@pytest.fixture(params=KINDS, ids=[f"{cls.__name__} {family}" for cls, family in KINDS])
def pretrained(request, path, tmp_path):
    """An objective, and a folder with a network of one of its families."""
    objective, family = request.param
    new = stories.make(objective, path, family=family)
    return objective, str(export(new, tmp_path / "backbone"))


def logits(model: torch.nn.Module) -> torch.Tensor:
    ids = torch.arange(5, 29).reshape(2, 12)
    more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        found = model(input_ids=ids, **more)
    return found.get("logits", found.get("prediction_logits"))


def test_only_updates_move_and_the_export_has_them(pretrained, path, tmp_path):
    objective, folder = pretrained
    module = stories.make(objective, path, backbone=folder, lora_rank=4)
    plain = stories.make(objective, path, backbone=folder)
    torch.testing.assert_close(logits(module.model), logits(plain.model))
    before = {name: value.clone() for name, value in module.named_parameters()}
    run = tiny.fit(module, stories.corpus(path, objective), max_epochs=1, limit_train_batches=3)
    new = {f"model.{name}" for name in module.model.new_parameters}
    for name, value in module.named_parameters():
        moved = ".lora_" in name or name in new or name.startswith("pair_head")
        assert moved == (not torch.equal(value, before[name])), name
    rates = {group["name"]: group["initial_lr"] for group in run.optimizers[0].param_groups}
    assert rates["updates"] == UPDATES_FACTOR * module.hparams["learning_rate"]
    written = export(module, tmp_path / "export")
    assert not (written / "adapter_config.json").exists()
    opened = type(module.export_model()).from_pretrained(written)
    torch.testing.assert_close(logits(opened), logits(module.model), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(logits(opened), logits(plain.model), atol=1e-4)
    assert {n for n, _ in opened.named_parameters() if "lora" in n} == set()


def test_the_merged_weight_is_that_of_the_paper(path, tmp_path):
    folder = str(export(stories.make(MaskedLM, path, family="bert"), tmp_path / "backbone"))
    module = stories.make(MaskedLM, path, backbone=folder, lora_rank=4)
    name = "bert.encoder.layer.1.attention.self.query"
    layer = module.model.get_submodule(name)
    first, second = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.nn.init.normal_(second)
    wanted = layer.base_layer.weight + low_rank.ALPHA / 4 * second @ first
    torch.testing.assert_close(module.export_model().get_submodule(name).weight, wanted)
    assert module.model.get_submodule(name) is layer  # the module goes on training


def test_experts_in_one_parameter_have_updates_too(path, tmp_path):
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "num_local_experts": 3}
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{path}/tokenizer")
    config = transformers.MixtralConfig(vocab_size=len(tokenizer), **sizes, **heads)
    transformers.MixtralForCausalLM(config).save_pretrained(tmp_path / "experts")
    tokenizer.save_pretrained(tmp_path / "experts")
    module = stories.make(CausalLM, path, backbone=str(tmp_path / "experts"), lora_rank=2)
    updates = {n: p for n, p in module.named_parameters() if ".lora_" in n}
    assert any("experts" in name for name in updates)
    for name, value in updates.items():
        if ".lora_B" in name:
            torch.nn.init.normal_(value, std=0.1)
    merged = module.export_model()
    assert type(merged.model.layers[0].mlp.experts).__name__ == "MixtralExperts"
    torch.testing.assert_close(logits(merged), logits(module.model), atol=1e-4, rtol=1e-4)


def test_new_sentinels_train(path, tmp_path):
    network = stories.make(SpanCorruption, path, row_tokens=8).export_model()
    plain = transformers.AutoTokenizer.from_pretrained(f"{path}/tokenizer")
    network.resize_token_embeddings(len(plain))
    network.save_pretrained(tmp_path)
    plain.save_pretrained(tmp_path)
    options = {"backbone": str(tmp_path), "lora_rank": 2, "schedule": "constant"}
    with pytest.warns(UserWarning, match="embeddings of sentinels are new"):
        module = stories.make(SpanCorruption, path, embedding_lr_multiplier=7.0, **options)
    table = module.model.get_input_embeddings().weight
    assert table.requires_grad
    data = stories.corpus(path, SpanCorruption, row_tokens=8)
    groups = tiny.fit(module, data).optimizers[0].param_groups
    rate = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    assert rate[id(table)] == module.hparams["learning_rate"]  # as the head of other networks
    assert max(rate.values()) == pytest.approx(10 * rate[id(table)])


def test_a_resumed_run_ends_as_the_unbroken_one(path, tmp_path, monkeypatch):
    folder = str(export(stories.make(MaskedLM, path, family="bert"), tmp_path / "backbone"))
    make = stories.make

    def going_on(objective, path, **settings):
        return make(objective, path, backbone=folder, lora_rank=4, **settings)

    monkeypatch.setattr(stories, "make", going_on)
    same = test_contract.assert_resumed_run_ends_as_the_unbroken_one
    same(MaskedLM, path, tmp_path, steps=[4])


@pytest.mark.parametrize(
    ("rank", "going_on", "reason"),
    [
        (4, False, "--model.lora_rank: a new network has no weights to update"),
        (999, True, "--model.lora_rank 999: more than .* can have, "),
    ],
)
def test_refused(path, tmp_path, rank, going_on, reason):
    folder = str(export(stories.make(MaskedLM, path, family="bert"), tmp_path / "backbone"))
    with pytest.raises(ValueError, match=reason):
        stories.make(MaskedLM, path, backbone=folder if going_on else None, lora_rank=rank)


def test_an_objective_that_trains_new_weights_alone_refuses_a_rank(path):
    with pytest.raises(ValueError, match="lora_rank: ReplacedTokenDetection trains new weights"):
        stories.make(ReplacedTokenDetection, path, lora_rank=4)
