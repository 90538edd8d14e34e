"""An export of every fine-tuning strategy gives the same logits elsewhere."""

import pytest
import torch
import transformers
from peft import AutoPeftModelForSequenceClassification, PeftModel

from datamodules.packaged import load_tokenizer
from modules import Adapter, Classification, FullFineTuning, LinearProbe, LoRA, load
from modules.exporting import export
from tests import tiny
from tests.modules.finetuning.conftest import head_of

LABELS = ["bad", "good", "unsure"]


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
    strategy, backbone, reviews, tmp_path, recwarn, monkeypatch
):
    folder = tmp_path / "export"
    module, texts = exported(strategy, backbone, reviews, folder)
    assert not [str(w.message) for w in recwarn if "config file" in str(w.message)]
    batch = tiny.batch_of(backbone, reviews)
    wanted = tiny.logits(module, batch)
    assert str(folder) not in (folder / "README.md").read_text()
    assert not list(tmp_path.glob(".*"))
    again = load(folder)
    torch.testing.assert_close(tiny.logits(again, batch), wanted, atol=1e-6, rtol=1e-6)
    assert again.task.labels == LABELS
    if (folder / "trained.safetensors").is_file():
        return
    monkeypatch.chdir(folder)  # peft looks for base/ in the working folder
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
    batch = tiny.batch_of(backbone, reviews)
    wanted = tiny.logits(module, batch)
    torch.testing.assert_close(tiny.logits(load(folder), batch), wanted, atol=1e-6, rtol=1e-6)
    if not (folder / "encoder").is_dir():
        assert isinstance(module.model, PeftModel) or strategy in (Adapter, LinearProbe)
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
