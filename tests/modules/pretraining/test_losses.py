"""Losses are those of transformers' own models, given the same weights and corrupted batch."""

import pytest
import torch
import transformers

from modules import (
    CausalLM,
    MaskedLM,
    NextSentencePrediction,
    PermutationLM,
    ReplacedTokenDetection,
    SentenceOrderPrediction,
    SpanCorruption,
)
from tests import stories


def example_of(objective, path, **settings):
    """The module, and what it made of a batch."""
    data = stories.corpus(path, objective, batch_size=24)
    module = stories.make(objective, path, **settings).eval()
    batch = next(iter(data.train_dataloader()))
    return module, module.corrupt(batch, torch.Generator().manual_seed(4))


def labels_of(example):
    places = example["target_mask"]
    return torch.full(places.shape, -100).masked_scatter(places, example["targets"])


@pytest.mark.parametrize("family", ["modernbert-decoder", "gpt2", "llama"])
def test_causal(path, family):
    module, example = example_of(CausalLM, path, family=family)
    inputs = example["inputs"]
    assert example["target_mask"].sum() > 300
    # Their loss shifts the labels, and leaves out -100.
    labels = torch.where(example["target_mask"].roll(1, 1), inputs["input_ids"], -100)
    wanted = module.model(**inputs, labels=labels).loss
    torch.testing.assert_close(module.losses(example)["causal_loss"], wanted)


@pytest.mark.parametrize("family", ["modernbert", "bert", "electra", "albert"])
@pytest.mark.parametrize("unit", ["token", "word", "span"])
def test_masked(path, family, unit):
    module, example = example_of(MaskedLM, path, family=family, unit=unit)
    wanted = module.model(**example["inputs"], labels=labels_of(example)).loss
    torch.testing.assert_close(module.losses(example)["mlm_loss"], wanted)


def test_next_sentence_is_bert_for_pretraining(path):
    module, example = example_of(NextSentencePrediction, path, family="bert")
    theirs = transformers.BertForPreTraining(module.model.config).eval()
    weights = module.model.state_dict() | {
        "bert.pooler.dense.weight": module.pair_head.dense.weight,
        "bert.pooler.dense.bias": module.pair_head.dense.bias,
        "cls.seq_relationship.weight": module.pair_head.classifier.weight,
        "cls.seq_relationship.bias": module.pair_head.classifier.bias,
    }
    theirs.load_state_dict(weights)
    masked, labels = example, example["labels"]
    assert set(labels.tolist()) == {0, 1, -100}
    out = theirs(**masked["inputs"], labels=labels_of(masked), next_sentence_label=labels)
    ours = module.losses(example)
    torch.testing.assert_close(ours["mlm_loss"] + ours["nsp_loss"], out.loss)


def test_sentence_order_is_albert_for_pretraining(path):
    module, example = example_of(SentenceOrderPrediction, path, family="albert")
    theirs = transformers.AlbertForPreTraining(module.model.config).eval()
    weights = module.model.state_dict() | {
        "albert.pooler.weight": module.pair_head.dense.weight,
        "albert.pooler.bias": module.pair_head.dense.bias,
        "sop_classifier.classifier.weight": module.pair_head.classifier.weight,
        "sop_classifier.classifier.bias": module.pair_head.classifier.bias,
    }
    theirs.load_state_dict(weights)
    masked, labels = example, example["labels"]
    out = theirs(**masked["inputs"], labels=labels_of(masked), sentence_order_label=labels)
    ours = module.losses(example)
    torch.testing.assert_close(ours["mlm_loss"] + ours["sop_loss"], out.loss)


@pytest.mark.parametrize("family", ["electra", "modernbert"])
def test_detection_is_electra(path, family):
    module, example = example_of(ReplacedTokenDetection, path, family=family, probability=0.4)
    ours, mask = module.losses(example), example["attention_mask"]
    labels = example["original"].masked_fill(~example["target_mask"], -100)
    inputs = {"input_ids": example["seen"], "attention_mask": mask}
    out = module.generator(**inputs, labels=labels)
    torch.testing.assert_close(ours["generator_loss"], out.loss)
    if family != "electra":
        return
    assert isinstance(module.model, transformers.ElectraForPreTraining)
    fake = []
    module.model.register_forward_hook(lambda m, a, kw, out: fake.append(kw), with_kwargs=True)
    module.losses(example)
    replaced = (fake[0]["input_ids"] != example["original"]).long()
    assert 0 < replaced.sum() <= example["target_mask"].sum()
    assert not replaced[~example["target_mask"]].any()
    wanted = module.model(fake[0]["input_ids"], attention_mask=mask, labels=replaced).loss
    torch.testing.assert_close(ours["detection_loss"], wanted)


def test_permutation_is_xlnet(path):
    module, example = example_of(PermutationLM, path)
    assert isinstance(module.model, transformers.XLNetLMHeadModel)
    out = module.model(**example["inputs"], labels=labels_of(example))
    torch.testing.assert_close(module.losses(example)["permutation_loss"], out.loss)


def test_span_corruption_is_t5(path):
    module, example = example_of(SpanCorruption, path)
    inputs = {k: v for k, v in example["inputs"].items() if k != "decoder_input_ids"}
    out = module.model(**inputs, labels=labels_of(example))  # they shift the labels themselves
    torch.testing.assert_close(module.losses(example)["span_loss"], out.loss)
