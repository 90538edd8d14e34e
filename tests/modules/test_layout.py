"""Depth by what runs first: neither the order of registration nor a name tells it."""

import pytest
import torch
import transformers

from modules import (
    Adapter,
    Classification,
    FullFineTuning,
    LanguageModeling,
    LoRA,
    PartialFreezing,
)
from modules.layout import layer_groups
from tests.backbones import families
from tests.backbones.rows import rows_of


def groups(folder: str, strategy=FullFineTuning, **settings) -> dict[str, list[str]]:
    return layer_groups(strategy(backbone=folder, **settings).model)


def test_a_head_that_is_registered_first_is_the_head(tmp_path):
    folder = families.make("xlm-roberta", tmp_path)
    found = groups(folder)
    assert list(found) == ["embeddings", "layer.0", "layer.1", "head"]
    assert all("classifier" in name for name in found["head"])
    assert all("embeddings" in name for name in found["embeddings"])
    module = PartialFreezing(backbone=folder, frozen_layers=1)
    assert {n for n in module.trainable if "classifier" in n} == {
        f"model.{n}" for n in found["head"]
    }


def test_a_norm_that_is_registered_before_the_layers_runs_behind_them(tmp_path):
    found = groups(families.make("opt", tmp_path))
    assert "model.decoder.final_layer_norm.weight" in found["head"]
    assert {name.split(".")[2] for name in found["embeddings"]} == {
        "embed_tokens",
        "embed_positions",
    }


def test_the_decoder_of_an_encoder_decoder_is_layers_too(tmp_path):
    found = groups(families.make("t5", tmp_path))
    assert list(found) == ["embeddings", *(f"layer.{n}" for n in range(4)), "head"]
    assert all("encoder.block.1" in n or "encoder.final" in n for n in found["layer.1"])
    assert all("decoder.block.0" in name for name in found["layer.2"])
    assert {name.split(".")[0] for name in found["head"]} == {"classification_head", "transformer"}


def test_groups_are_the_same_inside_a_peft_model(tmp_path):
    folder = families.make("phi3", tmp_path)
    for name, names in groups(folder, LoRA).items():
        assert (
            name == "head"
            or all(f".{name.replace('layer', 'layers')}." in n for n in names)
            or (name == "embeddings" and all("embed_tokens" in n for n in names))
        )


def test_an_adapter_goes_behind_the_matrices_that_run_last(tmp_path):
    module = Adapter(backbone=families.make("phi3", tmp_path), placement="houlsby")
    homes = {n.rpartition(".adapter")[0] for n in module.trainable if "adapter" in n}
    ends = {name.partition("layers.")[2] for name in homes}
    assert ends == {f"{n}.{end}" for n in (0, 1) for end in ("self_attn.o_proj", "mlp.down_proj")}


@pytest.mark.quick_if(lambda case: case["strategy"] is LoRA)
@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA])
def test_what_no_text_reaches_is_not_trained(strategy, tmp_path):
    """An image encoder, the vector of XLNet's masks, and the pooler of a masked language model."""
    parts = {"gemma3": "vision", "xlnet": "mask_emb"}
    for family, part in parts.items():
        module = strategy(backbone=families.make(family, tmp_path))
        names = [n for n, _ in module.named_parameters() if part in n]
        assert names
        assert not module.trainable & set(names)
    module = strategy(backbone=families.make("big_bird", tmp_path), task=LanguageModeling())
    assert not any("pooler" in name for name in module.trainable)


def test_a_network_that_was_never_surveyed_is_looked_at_when_asked():
    config = transformers.LlamaConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=8,
        vocab_size=9,
    )
    before = torch.random.get_rng_state()
    model = transformers.LlamaForCausalLM(config)
    torch.random.set_rng_state(before)
    assert list(layer_groups(model)) == ["embeddings", "layer.0", "layer.1", "head"]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.quick_if(lambda case: (case["family"], case["pooling"]) == ("xlnet", "native"))
@pytest.mark.parametrize("pooling", ["native", "mean"])
@pytest.mark.parametrize("family", ["xlnet", "mistral", "gpt2", "bart"])
def test_padding_on_the_left_gives_the_logits_of_padding_on_the_right(family, pooling, tmp_path):
    """XLNet's own head reads the last place; decoders count positions from the first one."""
    folder = families.make(family, tmp_path)
    module = FullFineTuning(backbone=folder, task=Classification(pooling=pooling)).eval()
    batch = rows_of(folder, "native")
    sizes = batch["attention_mask"].sum(1).tolist()
    wide = batch["input_ids"].shape[1]
    left = {
        name: torch.stack([v.roll(wide - s) for v, s in zip(batch[name], sizes, strict=True)])
        for name in ("input_ids", "attention_mask")
    }
    with torch.no_grad():
        torch.testing.assert_close(module({**batch, **left}), module(batch))
        alone = {n: batch[n][2:3, : sizes[2]] for n in left}
        torch.testing.assert_close(module(alone), module(batch)[2:3], atol=1e-5, rtol=1e-4)
