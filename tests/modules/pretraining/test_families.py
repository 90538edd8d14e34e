"""Networks of other families than the objectives' own, and objectives of the user's own."""

import json

import pytest
import torch
import transformers

from modules import (
    CausalLM,
    Classification,
    FullFineTuning,
    LanguageModeling,
    MaskedLM,
    NextSentencePrediction,
    PermutationLM,
    SpanCorruption,
)
from modules.exporting import export
from modules.pretraining.base import PretrainingModule
from tests import stories, tiny

SMALL = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "initializer_range": 0.3,
}


def config_file(folder, path, family: str, **fields) -> str:
    """A config.json of a network for the corpus's tokenizer."""
    size = len(transformers.AutoTokenizer.from_pretrained(f"{path}/tokenizer"))
    named = {"model_type": family, "vocab_size": size, **SMALL, **fields}
    (folder / "config.json").write_text(json.dumps(named))
    return str(folder / "config.json")


def test_pairs_for_a_family_of_one_token_type(path, tmp_path):
    size = config_file(tmp_path, path, "roberta", type_vocab_size=1, pad_token_id=0)
    module = stories.make(NextSentencePrediction, path, size=size)
    batch = next(iter(stories.corpus(path, NextSentencePrediction).train_dataloader()))
    example = module.corrupt(batch, torch.Generator().manual_seed(0))
    assert "token_type_ids" not in example["inputs"]
    assert torch.isfinite(module._step(batch, 0)[0]["loss"])


def test_roberta_counts_positions_from_behind_the_padding(path, tmp_path):
    size = config_file(tmp_path, path, "roberta", pad_token_id=0, max_position_embeddings=28)
    stories.make(MaskedLM, path, size=size)  # 27 tokens, and positions 1 to 27
    size = config_file(tmp_path, path, "roberta", pad_token_id=1, max_position_embeddings=28)
    with pytest.raises(ValueError, match=r"--data.row_tokens: .* 26 positions; 1 fewer fit"):
        stories.make(MaskedLM, path, size=size)


@pytest.mark.parametrize("family", ["bert", "roberta", "xlnet"])
def test_causal_lm_of_what_sees_later_tokens(path, tmp_path, family):
    fields = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16}
    size = config_file(tmp_path, path, family, **(fields if family == "xlnet" else {}))
    with pytest.raises(ValueError, match=f"--model.family {family}: its attention sees the later"):
        stories.make(CausalLM, path, size=size)


def test_permutation_lm_of_what_has_no_order(path):
    with pytest.raises(ValueError, match="--model.family gpt2: PermutationLM needs attention in"):
        stories.make(PermutationLM, path, family="gpt2")


@pytest.mark.parametrize("task", [LanguageModeling])
def test_a_task_of_next_tokens_on_what_sees_later_ones(tmp_path, bert, task):
    fields = {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "vocab_size": 64}
    model = transformers.XLNetLMHeadModel(transformers.XLNetConfig(**fields))
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"--model.task \w+: the attention of .* sees the later"):
        task().build(str(tmp_path))


def test_a_document_apart_in_a_family_without_position_ids(path, tmp_path):
    fields = {"n_layer": 1, "n_head": 2}
    size = config_file(tmp_path, path, "bloom", **fields)
    with pytest.warns(UserWarning, match="bloom cannot keep texts apart that share a row"):
        module = stories.make(CausalLM, path, size=size, document_masking=True).eval()
    batch = next(iter(stories.corpus(path, CausalLM).train_dataloader()))
    loss = module._step(batch, 0)[0]["loss"]
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    first = batch["document_ids"] == batch["document_ids"][:, :1]
    other["input_ids"][~first] = 7  # what the first documents of the rows cannot see
    example = module.corrupt(batch, torch.Generator())
    changed = module.corrupt(other, torch.Generator())
    for one in (example, changed):
        one["targets"] = one["targets"][(first & one["target_mask"])[one["target_mask"]]]
        one["target_mask"] = one["target_mask"] & first
    torch.testing.assert_close(module.losses(example), module.losses(changed))
    assert torch.isfinite(loss)


class _Distance(PretrainingModule):
    """The length of the states: no likelihood, so no perplexity."""

    def corrupt(self, batch, generator):
        return {"ids": batch["input_ids"]}

    def losses(self, example):
        states = self.model.base_model(example["ids"]).last_hidden_state
        return {"distance_loss": states.pow(2).mean()}


class _Counted(_Distance):
    def corrupt(self, batch, generator):
        return {"ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}


class _Unnamed(_Counted):
    def losses(self, example):
        return {"distance": super().losses(example)["distance_loss"]}


def test_the_contract_of_an_objective(path):
    data = stories.corpus(path, MaskedLM)
    run = tiny.fit(stories.make(_Counted, path), data, max_epochs=1, limit_train_batches=2)
    assert "val/distance_loss" in run.callback_metrics
    assert "val/perplexity" not in run.callback_metrics
    with pytest.raises(
        ValueError, match=r"_Distance.corrupt: the example must hold targets, .*ids"
    ):
        tiny.fit(stories.make(_Distance, path), data, max_epochs=1)
    with pytest.raises(ValueError, match=r"_Unnamed.losses: .* end in _loss; there are distance"):
        tiny.fit(stories.make(_Unnamed, path), data, max_epochs=1)


def test_what_has_no_part_in_the_loss_is_frozen_and_named(path):
    """XLNet's biases and embeddings of segments: rows have a single one."""
    module = stories.make(PermutationLM, path)
    state = torch.random.get_rng_state()
    with pytest.warns(UserWarning, match=r"4 of \d+ parameters have no part .* PermutationLM and "):
        module.setup("fit")
    assert torch.equal(torch.random.get_rng_state(), state)
    frozen = [name for name, p in module.named_parameters() if not p.requires_grad]
    assert len(frozen) == 4
    assert all(name.endswith(("r_s_bias", "seg_embed")) for name in frozen)
    assert not {*frozen} & module.trainable
    layers = sum(len(parameters) for parameters in module.layers().values())
    assert layers == len(module.trainable)
    batch = next(iter(stories.corpus(path, PermutationLM).train_dataloader()))
    module._step(batch, 0)[0]["loss"].backward()
    assert all(module.get_parameter(name).grad is not None for name in module.trainable)


def test_a_config_that_makes_no_network_is_refused_in_one_line(path, tmp_path):
    size = config_file(tmp_path, path, "bert", num_attention_heads=3)
    with pytest.raises(ValueError, match=r"^--model.size .*: transformers refuses it \(.*\)$"):
        stories.make(MaskedLM, path, size=size)


def test_span_corruptions_tokenizer_ends_texts_as_its_rows_ended(path, tmp_path):
    module = stories.make(SpanCorruption, path)
    folder = export(module, tmp_path / "export", {})
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    end, dog = tokenizer.eos_token_id, tokenizer("a dog", add_special_tokens=False)["input_ids"]
    assert tokenizer("a dog")["input_ids"] == [*dog, end]
    assert tokenizer("a dog", "a dog")["input_ids"] == [*dog, end, *dog, end]
    task = Classification(labels=["no", "yes"])  # native: T5 reads the state of the last </s>
    tuned = FullFineTuning(backbone=str(folder), task=task).eval()
    batch = {k: torch.tensor(v) for k, v in tokenizer(["a dog saw"] * 2).items()}
    assert torch.isfinite(task.logits(tuned.model, batch)).all()


@pytest.mark.parametrize("family", ["bert", "albert"])
def test_pooler_of_pairs_is_the_classifiers(path, tmp_path, family):
    module = stories.make(NextSentencePrediction, path, family=family)
    folder = export(module, tmp_path / "export", {})
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    pooler = loaded.base_model.pooler
    dense = pooler if isinstance(pooler, torch.nn.Linear) else pooler.dense
    assert torch.equal(dense.weight, module.pair_head.dense.weight)
    assert torch.equal(dense.bias, module.pair_head.dense.bias)


def test_span_corruption_goes_on_from_its_export(path, tmp_path):
    first = stories.make(SpanCorruption, path)
    folder = export(first, tmp_path / "export", {})
    again = stories.make(SpanCorruption, path, backbone=str(folder))
    assert torch.equal(again.sentinels, first.sentinels)
    batch = next(iter(stories.corpus(path, SpanCorruption).train_dataloader()))
    losses = [module.eval()._step(batch, 0)[0]["loss"] for module in (first, again)]
    assert losses[0] == losses[1]


@pytest.mark.filterwarnings("ignore:.* have no part in the loss")
def test_span_corruption_of_a_network_without_sentinels(path, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(f"{path}/tokenizer")
    small = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    config = transformers.T5Config(vocab_size=len(tokenizer), decoder_start_token_id=0, **small)
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="2 embeddings of sentinels are new"):
        module = stories.make(SpanCorruption, path, backbone=str(tmp_path))
    batch = next(iter(stories.corpus(path, SpanCorruption).train_dataloader()))
    assert torch.isfinite(module._step(batch, 0)[0]["loss"])
