"""Quantised modules in exports, merges, copies, and with what else changes a network."""

import json
import pickle

import pytest
import safetensors.torch
import torch

import modules
from callbacks.throughput import parameter_counts
from datamodules import optional
from modules import Adapter, BitFit, LinearProbe, LoRA, PromptTuning
from modules.checkpointing import GradientCheckpointing
from modules.compiling import Compiled
from modules.exporting import export
from modules.finetuning.quantization import packed_layers
from modules.merging import merge
from tests import tiny
from tests.modules import cells

pytest.importorskip("bitsandbytes")
# The formats of exports: an adapter of peft, our own with or without a base, an ordinary folder.
FORMATS = [
    (LoRA, "native", "adapter_config.json"),
    (LoRA, "mean", "trained.safetensors"),
    (Adapter, "native", "trained.safetensors"),
    (LinearProbe, "native", "trained.safetensors"),
    (PromptTuning, "native", "adapter_config.json"),
    (BitFit, "native", "model.safetensors"),
    (BitFit, "mean", "head.safetensors"),
]


@pytest.fixture(params=["8bit", "4bit"])
def bits(request) -> str:
    return request.param


def make(strategy, backbone, bits, pooling="native"):
    task = modules.Classification(labels=cells.LABELS, pooling=pooling)
    return cells.stirred(strategy, backbone, task, quantize=bits)


def assert_same(first, second) -> None:
    found, wanted = (torch.tensor(m.predict_proba(cells.TEXTS)) for m in (first, second))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.quick_if(lambda case: case["bits"] == "4bit")
@pytest.mark.parametrize(("strategy", "pooling", "file"), FORMATS)
def test_an_export_opened_again_predicts_the_same(strategy, pooling, file, bits, bert, tmp_path):
    module = make(strategy, bert, bits, pooling)
    folder = export(module, tmp_path / "first")
    assert (folder / file).is_file()
    again = modules.load(folder)
    assert_same(again, module)
    # An ordinary folder has plain numbers; all others are quantised again, also an export of them.
    ordinary = strategy is BitFit
    known = json.loads((folder / "module.json").read_text())["arguments"]["quantize"]
    assert known == again.hparams["quantize"] == (None if ordinary else bits)
    assert bool(packed_layers(again)) != ordinary
    assert ("bitsandbytes" in (folder / "README.md").read_text()) != ordinary
    assert_same(modules.load(export(again, tmp_path / "second")), module)
    total = sum(p.numel() for p in tiny.make(strategy, bert, task=module.task).parameters())
    assert f"of {total:,}" in (folder / "README.md").read_text()
    assert parameter_counts(module)["total"] == total


@pytest.mark.parametrize(
    ("strategy", "pooling"), [(LoRA, "native"), (LoRA, "mean"), (BitFit, "mean")]
)
def test_a_merge_predicts_the_same_without_the_library(
    strategy, pooling, bits, bert, tmp_path, monkeypatch
):
    module = make(strategy, bert, bits, pooling)
    before = [layer.packed.codes.clone() for layer in packed_layers(module)]
    folder = merge(module, tmp_path / "merged")
    after = [layer.packed.codes for layer in packed_layers(module)]
    assert before and all(map(torch.equal, before, after))
    monkeypatch.setattr(optional.importlib.util, "find_spec", lambda name: None)
    assert_same(modules.load(folder), module)
    for file in folder.rglob("*.safetensors"):
        assert {w.dtype for w in safetensors.torch.load_file(file).values()} == {torch.float32}


def test_an_export_without_the_library_names_what_to_install(bert, tmp_path, monkeypatch):
    folder = export(make(LoRA, bert, "4bit"), tmp_path / "export")
    monkeypatch.setattr(optional.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"bitsandbytes, which .*, is missing: pip install"):
        modules.load(folder)


def test_gradient_checkpointing_trains_the_same(bits, bert, reviews):
    ends = []
    for enabled in (True, False):
        module = tiny.make(LoRA, bert, quantize=bits, backbone_dropout=0.1)
        data = tiny.read(reviews, bert, batch_size=8)
        tiny.fit(module, data, GradientCheckpointing(enabled), max_epochs=1)
        ends.append(tiny.trained(module))
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def test_another_process_gets_the_same_network(bits, bert, reviews):
    module = make(LoRA, bert, bits)
    batch, sent = tiny.batch_of(bert, reviews), pickle.loads(pickle.dumps(module))
    assert torch.equal(tiny.logits(sent, batch), tiny.logits(module, batch))


@pytest.mark.slow
def test_compiled_it_computes_the_same(bits, bert, reviews):
    module = make(LoRA, bert, bits).train()
    batch, losses = tiny.batch_of(bert, reviews), []
    for compiled in (Compiled(False), Compiled(True, after=1)):
        if compiled.choice:
            compiled.install(module)
        for _ in range(3):
            loss = module.task.loss(module(batch), batch)
            loss.backward()
        losses.append(loss.detach())
        compiled.remove()
    assert compiled.shapes
    torch.testing.assert_close(losses[0], losses[1])
