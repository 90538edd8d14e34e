"""The linear probe: features of a text depend on that text only, and are computed once."""

import warnings

import pytest
import torch
import transformers
from torch import nn

from datamodules.packaged import load_tokenizer
from modules import Classification, LinearProbe
from tests import tiny
from tests.modules.finetuning.test_resume import assert_same_from_every_step


@pytest.fixture(params=["roberta", "distilbert", "gpt2"])
def other(request, bert, tmp_path) -> str:
    """An architecture whose head is not that of BERT or Llama, with BERT's tokenizer."""
    tokenizer = load_tokenizer(bert)
    size = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if request.param == "gpt2":
        config = transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, **size)
    elif request.param == "roberta":
        config = transformers.RobertaConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, **size
        )
    else:
        config = transformers.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=32, **size)
    config.initializer_range = 0.3
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path / request.param)
    tokenizer.save_pretrained(tmp_path / request.param)
    return str(tmp_path / request.param)


def count(module, calls: list) -> None:
    words = module.model.get_input_embeddings()
    words.register_forward_pre_hook(lambda _, args: calls.append(args[0].shape))


def plain_logits(module, batch) -> torch.Tensor:
    with torch.no_grad():
        return module.task.logits(module.model.eval(), batch)


@pytest.mark.parametrize("pooling", ["native", "mean"])
def test_logits_are_those_of_the_whole_model(backbone, reviews, pooling):
    for pair in (None, "pair"):
        module = tiny.make(LinearProbe, backbone, task=Classification(pooling=pooling))
        batch = tiny.rows(backbone, reviews, pair).__getitems__(list(range(12)))
        logits = module.eval()(batch)
        torch.testing.assert_close(logits, plain_logits(module, batch), atol=1e-6, rtol=1e-5)
        assert torch.equal(logits, module(batch))


def test_logits_of_other_heads(other, reviews):
    module = tiny.make(LinearProbe, other).eval()
    batch = tiny.rows(other, reviews).__getitems__(list(range(12)))
    torch.testing.assert_close(module(batch), plain_logits(module, batch), atol=1e-6, rtol=1e-5)
    module.task.loss(module(batch), batch).backward()
    heads = {"roberta": "classifier", "distilbert": "classifier", "gpt2": "score"}
    wanted = {heads[module.model.config.model_type], "pre_classifier"}
    for name, parameter in module.model.named_parameters():
        assert (parameter.grad is not None) == (name.split(".")[0] in wanted), name


def test_a_pooler_that_the_backbone_lacks_trains(bert, reviews, tmp_path):
    transformers.BertModel.from_pretrained(bert, add_pooling_layer=False).save_pretrained(tmp_path)
    load_tokenizer(bert).save_pretrained(tmp_path)
    module = tiny.make(LinearProbe, str(tmp_path))
    batch = tiny.rows(bert, reviews).__getitems__(list(range(8)))
    module.task.loss(module(batch), batch).backward()
    gradients = {n: p.grad is not None for n, p in module.model.named_parameters()}
    assert {n for n, found in gradients.items() if found} == {
        f"{layer}.{kind}"
        for layer in ("bert.pooler.dense", "classifier")
        for kind in ("weight", "bias")
    }


@pytest.mark.parametrize("pooling", ["native", "mean"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_features_are_bitwise_the_same_in_any_company(backbone, reviews, pooling, precision):
    rows = tiny.rows(backbone, reviews)
    numbers = list(range(24))
    found = []
    for batches in ([numbers], [[n] for n in numbers], [numbers[::-1][n::3] for n in range(3)]):
        module = tiny.make(LinearProbe, backbone, task=Classification(pooling=pooling)).eval()
        module.trainer = tiny.trainer([], precision=precision)
        module.setup("fit")
        for batch in batches:
            module(rows.__getitems__(batch))
        found.append(module._features)
    assert len(found[0]) > 16
    assert len(set(rows.lengths)) >= 4
    for features in found[1:]:
        assert features.keys() == found[0].keys()
        assert all(torch.equal(value, found[0][key]) for key, value in features.items())


def test_a_text_is_encoded_once_and_again_at_another_precision(backbone, reviews):
    module, calls = tiny.make(LinearProbe, backbone), []
    count(module, calls)
    data = tiny.read(reviews, backbone, batch_size=8)
    tiny.fit(module, data, max_epochs=1)
    assert calls
    assert all(rows == 8 and width % 8 == 0 for rows, width in calls)
    calls.clear()
    tiny.fit(module, data, max_epochs=3)
    assert not calls
    before = len(module._features)
    tiny.fit(module, data, max_epochs=1, precision="bf16-mixed")
    assert len(module._features) == 2 * before
    assert not [name for name in module.state_dict() if "features" in name]


def test_a_resumed_run_that_encodes_other_batches_is_the_same_in_bf16(bert, reviews, tmp_path):
    assert_same_from_every_step(
        LinearProbe, bert, reviews, tmp_path, only=(3, 5), precision="bf16-mixed"
    )


def test_the_encoder_runs_without_dropout_and_the_head_with_its_own(bert, reviews):
    batch = tiny.rows(bert, reviews).__getitems__(list(range(8)))
    module = tiny.make(LinearProbe, bert, task=Classification(dropout=0.5)).train()
    assert not torch.equal(module(batch), module(batch))
    assert module.model.training
    bare = tiny.make(LinearProbe, bert, backbone_dropout=0.5, task=Classification(dropout=0.0))
    assert torch.equal(bare.train()(batch), bare.eval()(batch))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_head_trains_on_texts_first_met_in_validation(backbone, reviews, precision):
    """Features from inference mode, and a head that autocast met without gradients."""
    module = tiny.make(LinearProbe, backbone, schedule="constant", warmup_ratio=0.0)
    data = tiny.read(reviews, backbone, batch_size=8)
    trainer = tiny.trainer([], max_epochs=1, precision=precision)
    trainer.validate(module, data.train_dataloader(), verbose=False)
    met, before = len(module._features), tiny.trained(module)
    trainer.fit(module, data.train_dataloader())
    assert len(module._features) == met
    assert all(not torch.equal(value, before[n]) for n, value in tiny.trained(module).items())


def test_every_step_has_a_gradient_under_autocast(bert, reviews):
    module = tiny.make(LinearProbe, bert)
    batch = tiny.rows(bert, reviews).__getitems__(list(range(8)))
    with torch.autocast("cpu", torch.bfloat16):  # as a trainer does, around the whole step
        module.task.loss(module(batch), batch).backward()
    assert all(p.grad.any() for p in module.parameters() if p.requires_grad)


def test_a_head_that_reads_more_than_one_token_is_refused_in_one_line(bert, reviews):
    module = tiny.make(LinearProbe, bert)
    encoder = module.model.bert

    class Highest(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(10.0))  # it trains: its output is no feature

        def forward(self, hidden_BTH):
            return self.scale * hidden_BTH.amax(1)

    encoder.pooler = Highest()
    with pytest.raises(ValueError, match=r"--model LinearProbe: .* the head of bert") as error:
        module(tiny.rows(bert, reviews).__getitems__([0, 1]))
    assert "\n" not in str(error.value)


def test_a_task_without_one_vector_a_text_is_refused_in_one_line(bert):
    task = Classification()
    task.peft_type = "CAUSAL_LM"
    with pytest.raises(
        ValueError, match="--model LinearProbe: trains a head on one vector a text, which Cl"
    ):
        tiny.make(LinearProbe, bert, task=task)


def test_a_row_may_fill_the_longest_input(bert, reviews):
    module = tiny.make(LinearProbe, bert).eval()
    module.model.config.max_position_embeddings = 61  # the row is no multiple of eight
    ids = torch.randint(5, 20, (2, 61))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with warnings.catch_warnings(action="error"):
        torch.testing.assert_close(module(batch), plain_logits(module, batch))
