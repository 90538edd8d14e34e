"""Causal rows are a decoder's with the same weights, the others a masked encoder's."""

import pytest
import torch
import transformers

from modules import HybridLM
from modules.pretraining.attention_masks import (
    attention_mask,
    check_attention,
    check_windows,
)
from modules.pretraining.hybrid_lm import draw_rows
from tests import stories


def example_of(path, **settings):
    module = stories.make(HybridLM, path, **settings).eval()
    batch = next(iter(stories.corpus(path, HybridLM, batch_size=24).train_dataloader()))
    return module, batch, module.corrupt(batch, torch.Generator().manual_seed(4))


def causal_rows(example):
    rows = example["target_mask"].nonzero()[:, 0]
    return torch.tensor(
        [bool(example["causal"][rows == row].any()) for row in range(len(example["target_mask"]))]
    )


def test_losses_are_those_of_berts_decoder_and_of_its_encoder(path):
    module, _, example = example_of(path, family="bert")
    ids, rows = example["inputs"]["input_ids"], causal_rows(example)
    assert rows.sum() > 3 and (~rows).sum() > 3
    labels = torch.full(ids.shape, -100)
    labels[example["target_mask"]] = example["targets"]
    real = example["inputs"]["attention_mask"][:, 0] > -1
    config = transformers.BertConfig.from_dict(module.model.config.to_dict() | {"is_decoder": True})
    decoder = transformers.BertLMHeadModel(config).eval()
    decoder.load_state_dict(module.model.state_dict())
    found = module.losses(example)
    for name, network, part in (("causal", decoder, rows), ("mlm", module.model, ~rows)):
        mask = real.any(1)[part].long()  # a token that anybody sees is no padding
        logits = network(input_ids=ids[part], attention_mask=mask).logits
        wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[part].flatten())
        torch.testing.assert_close(found[f"{name}_loss"], wanted)


def test_masked_tokens_are_predicted_one_place_before_them(path):
    module, batch, example = example_of(path, causal_share=0.0, probability=0.5)
    ids, rows = example["inputs"]["input_ids"], causal_rows(example)
    assert not rows.any() and len(example["targets"]) > 50
    clean = batch["input_ids"].where(batch["attention_mask"].bool(), 0)
    row, place = example["target_mask"].nonzero(as_tuple=True)
    assert torch.equal(example["targets"], clean[row, place])  # [CLS] stands before the rows
    hidden = ids[row, place + 1] == module.tokenizer.mask_token_id
    assert 0.6 < hidden.float().mean() < 0.95


@pytest.mark.parametrize("family", ["modernbert", "bert", "electra", "albert"])
def test_causal_rows_do_not_see_later_tokens(path, family):
    module, _, example = example_of(path, family=family, causal_share=1.0)
    inputs = example["inputs"]
    later = inputs["input_ids"].clone()
    later[:, 8:] = later[:, 8:].flip(0)
    with torch.no_grad():
        one, other = (
            module.model(**{**inputs, "input_ids": i}).logits for i in (inputs["input_ids"], later)
        )
    torch.testing.assert_close(one[:, :8], other[:, :8])
    assert not torch.allclose(one[:, 8:], other[:, 8:])


def test_boolean_masks_are_the_additive_ones(path):
    module, _, _ = example_of(path)
    mask, causal = torch.ones(2, 5).bool(), torch.tensor([True, False])
    additive = attention_mask(module.model, mask, causal)
    module.model.config._attn_implementation = "sdpa"
    assert torch.equal(attention_mask(module.model, mask, causal), additive == 0)


def test_network_without_such_masks_is_refused(path):
    module, _, _ = example_of(path)
    hparams = {**module.hparams, "family": "odd"}

    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.config = module.model, module.model.config
            self.dtype = module.model.dtype

        def forward(self, input_ids, attention_mask):
            return self.inner(input_ids=input_ids)

    with pytest.raises(ValueError, match="HybridLM reads rows from left to right and from both"):
        check_attention(Odd(), hparams, "HybridLM")


def test_each_batch_has_its_share_of_causal_rows():
    generator = torch.Generator().manual_seed(0)
    for count, share, sizes in ((8, 0.5, {4}), (3, 0.5, {1, 2}), (1, 0.5, {0, 1}), (5, 1.0, {5})):
        drawn = torch.stack([draw_rows(count, share, generator) for _ in range(400)]).float()
        assert {int(n) for n in drawn.sum(1)} == sizes
        assert (drawn.mean(0) - share).abs().max() < 0.1  # every row alike


@pytest.mark.parametrize(("share", "kept"), [(0.0, "mlm"), (1.0, "causal")])
def test_kind_of_row_that_there_is_not_has_no_loss(path, share, kept):
    module, _, example = example_of(path, causal_share=share)
    assert set(module.losses(example)) == {f"{kept}_loss", f"{kept}_accuracy"}
    assert module.main_loss == f"{kept}_loss"  # which perplexity follows


def test_windows_shorter_than_a_row_are_refused():
    config = transformers.ModernBertConfig(num_hidden_layers=2)  # sees 64 tokens on each side
    for tokens in (30, 63):
        check_windows(config, {"backbone": "b", "row_tokens": tokens}, "HybridLM")
    with pytest.raises(
        ValueError, match="64 tokens on each side, which HybridLM.*rows of 66: give"
    ):
        check_windows(config, {"backbone": "b", "row_tokens": 64}, "HybridLM")
