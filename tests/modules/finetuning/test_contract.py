"""What holds for every fine-tuning strategy, whatever the backbone; a new one is tested too."""

import warnings

import pytest
import torch
import transformers
from peft import AutoPeftModelForSequenceClassification, PeftModel
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
    load,
)
from modules.exporting import export
from tests import tiny
from tests.modules.conftest import refusal

LABELS = ["bad", "good", "unsure"]


@pytest.fixture(params=tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def strategy(request):
    return request.param


@pytest.fixture(params=[None, "pair"], ids=["single", "pair"])
def pair(request):
    return request.param


def batch_of(data, split: str = "train", rows: int = 8):
    return data._rows[split].__getitems__(list(range(rows)))


def head_of(module) -> torch.nn.Module:
    model = module.model.get_base_model() if isinstance(module.model, PeftModel) else module.model
    return model.classifier if hasattr(model, "classifier") else model.score


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
    batch = batch_of(tiny.read(reviews, backbone, pair_column=pair))
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


def test_padding_does_not_change_logits(strategy, backbone, pair, reviews):
    for pooling in ("native", "mean"):
        module = tiny.make(strategy, backbone, task=Classification(pooling=pooling))
        rows = tiny.read(reviews, backbone, pair_column=pair)._rows["train"]
        assert len(set(rows.lengths[:8])) > 1
        together = tiny.logits(module, rows.__getitems__(list(range(8))))
        alone = torch.cat([tiny.logits(module, rows.__getitems__([row])) for row in range(8)])
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
        assert together.std(0).min() > 1e-4  # rows differ, or the comparison says nothing


def test_mean_pooling_is_the_mean_of_each_row(strategy, backbone, reviews):
    module = tiny.make(strategy, backbone, task=Classification(pooling="mean")).eval()
    data = tiny.read(reviews, backbone)
    head = head_of(module)
    rows = []
    with torch.no_grad():
        for row in range(8):
            ids = data._rows["train"].__getitems__([row])["input_ids"]
            inputs = {"attention_mask": torch.ones_like(ids), "output_hidden_states": True}
            hidden = module.model(input_ids=ids, **inputs).hidden_states[-1][0]
            hidden = hidden[-ids.shape[1] :]  # without a prompt before it
            rows.append(head(sum(hidden[token] for token in range(len(hidden))) / len(hidden)))
    torch.testing.assert_close(tiny.logits(module, batch_of(data)), torch.stack(rows))
    assert not any("pooler" in name for name, _ in module.named_parameters())


def test_every_trained_weight_gets_a_gradient(strategy, backbone, reviews):
    """Several devices refuse a module with weights that nothing reads."""
    for pooling in ("native", "mean"):
        module = tiny.make(strategy, backbone, task=Classification(pooling=pooling))
        batch = batch_of(tiny.read(reviews, backbone))
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


# bf16 ------------------------------------------------------------------------------------------


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


# Export ----------------------------------------------------------------------------------------


def exported(strategy, backbone, reviews, folder, **task):
    module = tiny.make(strategy, backbone, task=Classification(labels=LABELS, **task))
    with torch.no_grad():  # a new LoRA changes nothing yet
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    weights = tiny.trained(module)
    export(module, folder)
    assert tiny.trained(module).keys() == weights.keys()  # the module is as it was
    texts = tiny.read(reviews, backbone).dataset.splits["train"].texts[:8]
    return module, texts


def native_logits(model, folder, texts) -> torch.Tensor:
    """As other programs compute them: a batch with padding where they can.

    After a soft prompt, peft and transformers take a decoder's last position, padding or not.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompt = isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning
    parts = [[text] for text in texts] if prompt else [texts]
    with torch.no_grad():
        return torch.cat(
            [model.eval()(**tokenizer(p, padding=True, return_tensors="pt")).logits for p in parts]
        )


def test_export_gives_the_same_logits_in_other_programs(
    strategy, backbone, reviews, tmp_path, recwarn
):
    folder = tmp_path / "export"
    module, texts = exported(strategy, backbone, reviews, folder)
    assert not [str(w.message) for w in recwarn if "config file" in str(w.message)]
    batch = batch_of(tiny.read(reviews, backbone))
    wanted = tiny.logits(module, batch)
    assert str(folder) in (folder / "README.md").read_text()
    assert not list(tmp_path.glob(".*"))
    if (folder / "module.json").is_file():
        again = load(folder)
        torch.testing.assert_close(tiny.logits(again, batch), wanted, atol=1e-6, rtol=1e-6)
        assert again.task.labels == LABELS
        return
    if (folder / "adapter_config.json").is_file():
        model = AutoPeftModelForSequenceClassification.from_pretrained(folder)
    else:
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
        ask = transformers.pipeline("text-classification", str(folder), top_k=None)
        for answers, row in zip(ask(texts, batch_size=8), wanted.softmax(-1), strict=True):
            scores = {answer["label"]: answer["score"] for answer in answers}
            assert scores == pytest.approx(dict(zip(LABELS, row.tolist(), strict=True)), abs=1e-5)
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.label2id == {label: number for number, label in enumerate(LABELS)}
    torch.testing.assert_close(native_logits(model, folder, texts), wanted, atol=1e-5, rtol=1e-5)


def test_export_of_a_mean_pooled_module_gives_the_same_logits(
    strategy, backbone, reviews, tmp_path
):
    folder = tmp_path / "export"
    module, _ = exported(strategy, backbone, reviews, folder, pooling="mean")
    batch = batch_of(tiny.read(reviews, backbone))
    wanted = tiny.logits(module, batch)
    torch.testing.assert_close(tiny.logits(load(folder), batch), wanted, atol=1e-6, rtol=1e-6)
    if not (folder / "encoder").is_dir():
        assert isinstance(module.model, PeftModel) or hasattr(strategy, "own_format")
        return
    encoder = transformers.AutoModel.from_pretrained(folder / "encoder").eval()
    with torch.no_grad():
        hidden = encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state
        mask = batch["attention_mask"][..., None]
        mean = (hidden * mask).sum(1) / mask.sum(1)
        torch.testing.assert_close(head_of(module)(mean), wanted, atol=1e-5, rtol=1e-4)


def test_export_replaces_an_older_one_whole(bert, tmp_path):
    folder = tmp_path / "export"
    export(tiny.make(LoRA, bert), folder)
    export(tiny.make(FullFineTuning, bert), folder)
    assert not (folder / "adapter_config.json").exists()
    assert not (folder / "base").exists()
    assert load_tokenizer(str(folder)).pad_token == "[PAD]"
