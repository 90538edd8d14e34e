"""Our own format of an exported module, and what the README of a folder says."""

import ast
import json
import re
import shutil

import peft
import pytest
import safetensors
import torch
import transformers

from modules import (
    Adapter,
    Classification,
    FullFineTuning,
    LoRA,
    MultipleChoice,
    PairClassification,
    QuestionAnswering,
    exporting,
    load,
)
from modules.exporting import export
from tests import tiny


def stirred(strategy, backbone, **settings):
    module = tiny.make(strategy, backbone, **settings).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return module


def test_our_own_format_is_complete_and_may_move(backbone, reviews, tmp_path, monkeypatch):
    """Where it was written and the backbone that it came from are both gone."""
    source = tmp_path / "backbone-bert" if "bert" in backbone else tmp_path / "backbone"
    shutil.copytree(backbone, source)
    labels = ["bad", "good", "unsure"]
    settings = {"placement": "houlsby", "size": 3, "task": Classification(labels=labels)}
    module = stirred(Adapter, str(source), **settings)
    batch = tiny.batch_of(backbone, reviews)
    wanted = tiny.logits(module, batch)
    folder = export(module, tmp_path / "run" / "export")
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    shutil.rmtree(source)
    shutil.rmtree(tmp_path / "run")
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    again = load(moved)
    assert torch.equal(tiny.logits(again, batch), wanted)
    assert not again.training
    assert again.task.labels == labels
    assert again.hparams["size"] == 3
    assert again.hparams["backbone"] == str(moved / "base")
    with safetensors.safe_open(moved / "trained.safetensors", "pt") as held:
        assert set(held.keys()) == module.trainable
    # As its README says: with the tokenizer's own output, and as a module like any other.
    tokenizer = transformers.AutoTokenizer.from_pretrained(moved)
    assert tiny.logits(again, tokenizer(["a warm film"], return_tensors="pt")).shape == (1, 3)
    assert torch.equal(tiny.logits(load(export(again, tmp_path / "twice")), batch), wanted)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_an_adapter_trained_in_bf16_is_exported_beside_the_published_weights(
    bert, reviews, tmp_path, precision
):
    module = tiny.make(Adapter, bert)
    tiny.fit(module, tiny.read(reviews, bert, batch_size=8), max_epochs=1, precision=precision)
    again = load(export(module, tmp_path / "export"))
    assert all(parameter.dtype == torch.float32 for parameter in again.parameters())
    batch = tiny.batch_of(bert, reviews)
    wanted = tiny.logits(module.in_full_precision().eval(), batch)
    assert torch.equal(tiny.logits(again, batch), wanted)


def test_an_export_that_does_not_fit_is_refused_in_one_line(bert, tmp_path):
    folder = export(tiny.make(Adapter, bert), tmp_path / "adapter")
    made = json.loads((folder / "module.json").read_text())
    (folder / "module.json").write_text(json.dumps({**made, "module": "os"}))
    with pytest.raises(ValueError, match="os: no such class"):
        load(folder)
    made["arguments"]["placement"] = "houlsby"
    (folder / "module.json").write_text(json.dumps(made))
    with pytest.raises(ValueError, match="does not fit this version of Adapter") as error:
        load(folder)
    assert "\n" not in str(error.value)


def readme(module, folder) -> str:
    return (export(module, folder) / "README.md").read_text()


def test_the_readme_runs_in_the_folder(bert, tmp_path, monkeypatch, capsys):
    mean = {"task": Classification(pooling="mean")}
    made = {
        "full": stirred(FullFineTuning, bert),
        "lora": stirred(LoRA, bert),
        "adapter": stirred(Adapter, bert),
        "mean": stirred(FullFineTuning, bert, **mean),
        "lora-mean": stirred(LoRA, bert, **mean),
    }
    for name, module in made.items():
        code = readme(module, tmp_path / name).split("```python\n")[1].split("```")[0]
        found: dict = {}
        monkeypatch.chdir(tmp_path / name)
        exec(code, found)
        said = capsys.readouterr().out
        assert (str(module.predict(["a gripping film"])[0]) in said) == (name != "lora")
        assert ("encoder" in found) == (name == "mean")
        assert isinstance(found.get("model"), peft.PeftModel) == (name == "lora")


def test_the_readme_asks_what_the_task_reads(bert, tmp_path):
    asked = re.compile(r"predict\((\[.*\])\)`, after")
    for task in (MultipleChoice(), QuestionAnswering(), PairClassification(), Classification()):
        module = stirred(FullFineTuning, bert, task=task)
        texts = ast.literal_eval(asked.search(readme(module, tmp_path / "export"))[1])
        assert len(module.predict(texts)) == 1, type(task).__name__


def test_the_readme_names_the_loader_of_the_task(bert, tmp_path):
    class Other(Classification):
        auto_class, pipeline = "AutoModelForCausalLM", "text-generation"

    module = tiny.make(LoRA, bert)
    module.task.__class__ = Other
    assert "AutoPeftModelForCausalLM.from_pretrained" in readme(module, tmp_path / "lora")
    module = tiny.make(FullFineTuning, bert)
    module.task.__class__ = Other
    assert "pipeline('text-generation'" in readme(module, tmp_path / "full")


def test_a_strategy_may_give_peft_another_model(bert, reviews, tmp_path):
    """As where the trained weights are relative to a base that peft would not rebuild."""
    module, other = stirred(LoRA, bert), stirred(LoRA, bert, rank=2)
    module.peft_for_export = lambda: other.model
    folder = exporting.export(module, tmp_path / "export")
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 2
    batch = tiny.batch_of(bert, reviews)
    torch.testing.assert_close(tiny.logits(load(folder), batch), tiny.logits(other, batch))
