"""Which layers a strategy finds in an architecture, from its structure."""

from pathlib import Path

import pytest
import torch
import transformers

from modules.backbones import context_length
from modules.finetuning.targets import (
    feedforward_outputs,
    key_value_layers,
    linear_layers,
    norm_layers,
    transposed,
)
from tests.conftest import SIZES, save_byte_pairs

FIELDS = {
    "bert": {},
    "roberta": {"max_position_embeddings": 66, "pad_token_id": 1},  # two are never used
    "distilbert": {"dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
    "electra": {"embedding_size": 8},
    "albert": {"embedding_size": 8},
    "deberta-v2": {},
    "modernbert": {"cls_token_id": 0, "sep_token_id": 0},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},
    "gpt_neox": {},
    "opt": {"ffn_dim": 32, "word_embed_proj_dim": 16},
    "phi": {},
    "llama": {"num_key_value_heads": 1},
    "qwen3": {"num_key_value_heads": 1, "head_dim": 12},
    "gemma2": {"num_key_value_heads": 1, "head_dim": 8},
}
KEYS_VALUES_AND_END = {
    "bert": ["key", "value", "output.dense"],
    "roberta": ["key", "value", "output.dense"],
    "distilbert": ["k_lin", "v_lin", "ffn.lin2"],
    "electra": ["key", "value", "output.dense"],
    "albert": ["key", "value", "ffn_output"],
    "deberta-v2": ["key_proj", "value_proj", "output.dense"],
    "modernbert": ["Wqkv", "mlp.Wo"],
    "gpt2": ["c_attn", "mlp.c_proj"],
    "gpt_neox": ["query_key_value", "dense_4h_to_h"],
    "opt": ["k_proj", "v_proj", "fc2"],
    "phi": ["k_proj", "v_proj", "fc2"],
    "llama": ["k_proj", "v_proj", "down_proj"],
    "qwen3": ["k_proj", "v_proj", "down_proj"],
    "gemma2": ["k_proj", "v_proj", "down_proj"],
}


def model_of(kind: str) -> torch.nn.Module:
    ends = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 0)
    size = {} if kind in ("gpt2", "distilbert") else SIZES
    settings = {"vocab_size": 300, **size, **ends, **FIELDS[kind]}
    if kind == "distilbert":
        settings["max_position_embeddings"] = 64
    config = transformers.AutoConfig.for_model(kind, **settings)
    torch.manual_seed(1)
    return transformers.AutoModelForSequenceClassification.from_config(config)


def save_backbone(kind: str, folder: Path) -> str:
    """A tiny backbone of this architecture, with a tokenizer."""
    model_of(kind).base_model.save_pretrained(folder)
    save_byte_pairs(folder)
    return str(folder)


@pytest.mark.parametrize("kind", FIELDS)
def test_keys_values_and_the_end_of_the_feed_forward_of_every_block(kind):
    model = model_of(kind)
    found = [*key_value_layers(model), *feedforward_outputs(model)]
    ends = KEYS_VALUES_AND_END[kind]
    assert all(any(f".{name}".endswith(f".{end}") for end in ends) for name in found)
    blocks = 1 if kind == "albert" else 2  # ALBERT's blocks are one and the same
    assert len(found) == len(set(found)) == blocks * len(ends)
    assert not any("attention.output" in name for name in found)
    assert set(found) <= set(linear_layers(model, "all-linear"))


@pytest.mark.parametrize("kind", FIELDS)
def test_layer_norms(kind):
    model = model_of(kind)
    found = norm_layers(model)
    assert found
    assert all(model.get_submodule(name).weight.ndim == 1 for name in found)
    vectors = {n.rpartition(".")[0] for n, p in model.named_parameters() if p.ndim == 1}
    assert set(found) <= vectors
    named = {n for n in vectors if "norm" in n.lower() or ".ln_" in n}
    assert {n for n in named if not n.startswith(("classifier", "head"))} == set(found)


def test_gpt2_has_linear_layers_that_hold_in_by_out():
    model = model_of("gpt2")
    every = linear_layers(model, "all-linear")
    ends = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
    assert every == [f"transformer.h.{block}.{end}" for block in (0, 1) for end in ends]
    assert linear_layers(model, "attention") == [name for name in every if ".attn." in name]
    assert transposed(model, every)
    assert not transposed(model_of("bert"), ["bert.pooler.dense"])


@pytest.mark.parametrize("targets", ["all-linear", "attention"])
def test_an_architecture_without_linear_layers_is_named_in_one_line(targets):
    config = transformers.AutoConfig.for_model("bert", vocab_size=9, **SIZES)
    model = transformers.BertForSequenceClassification(config)
    model.bert = torch.nn.Embedding(3, 4)
    with pytest.raises(ValueError, match=f"--model.targets {targets}: bert has no such"):
        linear_layers(model, targets)


@pytest.mark.parametrize("kind", FIELDS)
def test_the_context_is_as_long_as_the_longest_text_that_the_model_takes(kind):
    model = model_of(kind).eval()
    assert context_length(model) == 64
    with torch.no_grad():
        model(torch.randint(2, 300, (1, 64)))
    if any("position_embeddings" in n or ".wpe." in n for n, _ in model.named_parameters()):
        with pytest.raises(Exception), torch.no_grad():  # noqa: B017, PT011
            model(torch.randint(2, 300, (1, 65)))
