"""What holds for every fine-tuning strategy, whatever the backbone; a new one is tested too."""

import warnings

import pytest
import torch
import transformers
from torch.utils.data import DataLoader

from callbacks import LastCheckpoint
from datamodules.packaged import load_tokenizer
from modules import (
    Adapter,
    BitFit,
    Classification,
    FullFineTuning,
    LinearProbe,
    LoRA,
    PartialFreezing,
)
from modules.exporting import export
from tests import tiny
from tests.modules.conftest import refusal
from tests.modules.finetuning.conftest import head_of


@pytest.fixture
def pair(backbone) -> str | None:
    """Of an encoder, to which a second text is more than a longer one; single texts are below."""
    return "pair" if "bert" in backbone else None


@pytest.fixture(scope="module", params=["bert", "llama"])
def backbone(request) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module", params=tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def strategy(request):
    return request.param


@pytest.fixture(scope="module")
def untrained(strategy, backbone) -> dict:
    """A module of each pooling, which no test trains."""
    if reason := refusal(strategy, backbone):
        pytest.skip(reason)
    return {
        pooling: tiny.make(strategy, backbone, task=Classification(pooling=pooling))
        for pooling in ("native", "mean")
    }


def test_the_registry_is_what_modules_exports():
    ours = {Adapter, BitFit, FullFineTuning, LinearProbe, LoRA, PartialFreezing}
    assert ours <= set(tiny.STRATEGIES)


def test_a_strategy_refuses_only_what_its_paper_leaves_out(bert, llama):
    """The tests below skip what is refused: here is all of it."""
    reasons = {
        (strategy.__name__, kind): refusal(strategy, folder)
        for strategy in tiny.STRATEGIES
        for kind, folder in (("bert", bert), ("llama", llama))
    }
    refused = {pair: reason for pair, reason in reasons.items() if reason}
    assert set(refused) == {("BitFit", "llama")}
    assert not any("\n" in reason for reason in refused.values())


def test_contract(strategy, backbone, pair, reviews, tmp_path):
    """Trains, moves only what should move, and its checkpoint gives the same logits back."""
    task = Classification(labels=["negative", "positive"])
    still = {"learning_rate": 3e-3, "schedule": "constant", "warmup_ratio": 0.0}
    module = tiny.make(strategy, backbone, task=task, **still)
    batch = tiny.batch_of(backbone, reviews, pair=pair)
    assert ("token_type_ids" in batch) == (pair is not None and "bert" in backbone)
    before, fixed = tiny.trained(module), tiny.frozen(module)
    first = task.loss(tiny.logits(module, batch), batch)
    tiny.fit(module.train(), DataLoader([batch] * 4, batch_size=None), max_epochs=1)
    assert task.loss(tiny.logits(module, batch), batch) < first

    for name, value in tiny.frozen(module).items():
        assert torch.equal(value, fixed[name]), name
    for name, value in tiny.trained(module).items():
        assert not torch.equal(value, before[name]), name

    file = tmp_path / "weights.ckpt"
    module.trainer.save_checkpoint(file, weights_only=True)
    held = torch.load(file, weights_only=True)
    assert set(held["state_dict"]) == set(before)
    with warnings.catch_warnings(action="error", category=UserWarning):
        again = strategy.load_from_checkpoint(file, weights_only=True)
    assert torch.equal(tiny.logits(again, batch), tiny.logits(module, batch))
    assert again.task.labels == ["negative", "positive"]


def test_padding_does_not_change_logits(untrained, backbone, pair, reviews):
    rows = tiny.rows(backbone, reviews, pair)
    for module in untrained.values():
        assert len(set(rows.lengths[:8])) > 1
        together = tiny.logits(module, rows.__getitems__(list(range(8))))
        alone = torch.cat([tiny.logits(module, rows.__getitems__([row])) for row in range(8)])
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
        assert together.std(0).min() > 1e-4  # rows differ, or the comparison says nothing


def test_mean_pooling_is_the_mean_of_each_row(untrained, backbone, reviews):
    module = untrained["mean"].eval()
    head = head_of(module)
    rows = []
    with torch.no_grad():
        for row in range(8):
            ids = tiny.rows(backbone, reviews).__getitems__([row])["input_ids"]
            inputs = {"attention_mask": torch.ones_like(ids), "output_hidden_states": True}
            hidden = module.model(input_ids=ids, **inputs).hidden_states[-1][0]
            hidden = hidden[-ids.shape[1] :]  # without a prompt before it
            rows.append(head(sum(hidden[token] for token in range(len(hidden))) / len(hidden)))
    torch.testing.assert_close(
        tiny.logits(module, tiny.batch_of(backbone, reviews)), torch.stack(rows)
    )
    assert not any("pooler" in name for name, _ in module.named_parameters())


def test_every_trained_weight_gets_a_gradient(untrained, backbone, reviews):
    """Several devices refuse a module with weights that nothing reads."""
    batch = tiny.batch_of(backbone, reviews)
    for pooling, module in untrained.items():
        module.train()
        module.task.loss(module(batch), batch).backward()
        idle = [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None]
        assert not idle, pooling


def test_a_checkpoint_of_lora_on_minilm_is_below_a_megabyte(bert, tmp_path):
    """The size of a checkpoint that holds only what trains, at MiniLM-L6's shape."""
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12}
    config = transformers.BertConfig(intermediate_size=1536, vocab_size=30522, **shape)
    transformers.BertModel(config).save_pretrained(tmp_path / "minilm")
    load_tokenizer(bert).save_pretrained(tmp_path / "minilm")
    module = tiny.make(LoRA, str(tmp_path / "minilm"))
    trainer = tiny.trainer([])
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "best.ckpt", weights_only=True)
    assert (tmp_path / "best.ckpt").stat().st_size < 1e6


def test_a_checkpoint_of_another_module_is_refused_in_one_line(backbone, reviews, tmp_path):
    data = tiny.read(reviews, backbone, batch_size=8)
    last = LastCheckpoint(tmp_path)
    tiny.fit(tiny.make(LoRA, backbone, rank=2), data, last, max_epochs=1)
    for other in (tiny.make(LoRA, backbone, rank=3), tiny.make(FullFineTuning, backbone)):
        weights = tiny.trained(other)
        with pytest.raises(
            ValueError, match=r"checkpoint is of LoRA .* does not fit this"
        ) as refused:
            tiny.fit(other, data, resume=last.file)
        assert "\n" not in str(refused.value)
        assert all(torch.equal(value, weights[n]) for n, value in tiny.trained(other).items())
    with pytest.raises(ValueError, match="3"):
        LoRA.load_from_checkpoint(last.file, weights_only=True, rank=3)


@pytest.mark.quick_if(lambda case: case["strategy"] in (Adapter, LoRA))
def test_frozen_matrices_are_bf16_only_while_a_mixed_trainer_holds_them(
    strategy, backbone, reviews, tmp_path
):
    module = tiny.make(strategy, backbone)
    original = tiny.frozen(module)
    data = tiny.read(reviews, backbone, batch_size=8)
    tiny.fit(module, data, max_epochs=1, precision="bf16-mixed")
    for name, parameter in module.named_parameters():
        half = not parameter.requires_grad and parameter.ndim == 2
        assert parameter.dtype == (torch.bfloat16 if half else torch.float32) or (
            not parameter.requires_grad and name.endswith("bias")
        ), name
    full = module.in_full_precision()
    for name, value in tiny.frozen(full).items():
        assert value.dtype == torch.float32
        new = name.endswith(("classifier.original_module.weight", "score.original_module.weight"))
        assert torch.equal(value, original[name]) or new, name
    for name, value in tiny.trained(full).items():
        assert torch.equal(value, tiny.trained(module)[name]), name
    exported = export(module, tmp_path / "export")
    if (exported / "base").is_dir():
        written = transformers.AutoModel.from_pretrained(exported / "base").state_dict()
        published = transformers.AutoModel.from_pretrained(backbone).state_dict()
        assert written.keys() == published.keys()
        assert all(torch.equal(value, published[name]) for name, value in written.items())
