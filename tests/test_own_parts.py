"""A user's own task, strategy, backbone, data loader and callback, through public names alone.

Each is trained, tested and exported, and its export opened in a process that knows nothing of it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer, seed_everything
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric, MetricCollection
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

import modules
from modules.finetuning.base import FineTuningModule
from modules.finetuning.freezing import train_only
from modules.tasks.base import Task
from modules.tasks.heads import Head

TEXTS = ("a warm film", "a dull film", "the best film of the year", "the worst film of the year")


class Doubt(Task):
    """Two classes of which one may be left open: the loss is that of a smoothed label."""

    monitor, mode = "val/doubt", "min"

    def __init__(self, labels: list[str] | None = None, share: float = 0.1) -> None:
        self.labels, self.share = labels or ["no", "yes"], share
        self.head = Head(self.labels, pooling="native", dropout=None)

    def arguments(self) -> dict:
        return {"labels": self.labels, "share": self.share}

    def loss(self, logits, batch):
        return functional.cross_entropy(logits, batch["labels"], label_smoothing=self.share)

    def metrics(self, stage):
        return MetricCollection({"doubt": Uncertainty()})


class Uncertainty(MeanMetric):
    """The mean probability of the class that is not chosen."""

    def update(self, logits, labels):
        super().update(1 - logits.softmax(1).max(1).values)


class Scales(FineTuningModule):
    """Trains the layer norms and the head."""

    def adapt(self, model: nn.Module) -> nn.Module:
        return train_only(model, lambda name: "norm" in name.lower())


class Half(modules.LoRA):
    """LoRA of half the rank that one asks for."""

    def __init__(self, rank: int = 4, **kwargs) -> None:
        super().__init__(rank=max(1, rank // 2), **kwargs)


class Steps(Callback):
    """Counts the steps."""

    count = 0

    def on_train_batch_end(self, *args) -> None:
        self.count += 1

    def state_dict(self) -> dict:
        return {"count": self.count}


class Sentences(LightningDataModule):
    """Loaders of dicts with the three entries that classification reads."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def train_dataloader(self):
        return loader(self.tokenizer)

    val_dataloader = test_dataloader = train_dataloader


def loader(tokenizer) -> DataLoader:
    rows = tokenizer(list(TEXTS), padding=True, return_tensors="pt")
    kept = {name: rows[name] for name in ("input_ids", "attention_mask")}
    kept["labels"] = torch.tensor([1, 0, 1, 0])
    return DataLoader([{k: v[n] for k, v in kept.items()} for n in range(4)], batch_size=2)


def own_network(folder: str):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, **sizes)
    return BertModel(config), tokenizer


MAKE = {
    "task": lambda bert: modules.LoRA(backbone=bert, task=Doubt(["bad", "good"], share=0.2)),
    "strategy": lambda bert: Scales(backbone=bert),
    "subclass": lambda bert: Half(backbone=bert, rank=6),
    "backbone": lambda bert: modules.LoRA(backbone=own_network(bert)),
    "all": lambda bert: Scales(backbone=own_network(bert), task=Doubt()),
}


@pytest.fixture(scope="module")
def trained(bert, tmp_path_factory) -> dict[str, tuple[Path, list]]:
    """By part: the folder of its export, and its probabilities for the texts."""
    found = {}
    settings = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    for part, make in MAKE.items():
        seed_everything(1, verbose=False)
        module, steps = make(bert), Steps()
        trainer = Trainer(max_epochs=2, accelerator="cpu", callbacks=[steps], **settings)
        data = Sentences(bert) if part != "backbone" else None
        loaders = [data] if data else [loader(AutoTokenizer.from_pretrained(bert))] * 2
        trainer.fit(module, *loaders)
        (metrics,) = trainer.test(module, loaders[0], verbose=False)
        assert metrics["test/loss"] > 0 and steps.count == 4
        folder = modules.export(module, tmp_path_factory.mktemp(part) / "export")
        found[part] = folder, module.predict_proba(TEXTS).tolist()
    return found


@pytest.mark.parametrize("part", MAKE)
def test_opens_again(trained, part):
    folder, wanted = trained[part]
    module = modules.load(folder)
    assert torch.allclose(
        torch.tensor(module.predict_proba(TEXTS)), torch.tensor(wanted), atol=1e-5
    )
    assert set(module.predict(TEXTS)) <= set(module.label_names)


def test_the_export_of_ones_own_network_holds_its_weights(trained):
    folder, _ = trained["backbone"]
    network = AutoModel.from_pretrained(folder / "base")
    assert network.config.hidden_size == 8 and network.config.num_hidden_layers == 1


@pytest.mark.slow
def test_opens_in_another_process(trained):
    """The classes are found by the names in the exports, from the folder that holds this file."""
    program = "import json, sys, modules\nfor place in sys.argv[2:]:\n"
    program += (
        "    print(json.dumps(modules.load(place).predict_proba(eval(sys.argv[1])).tolist()))"
    )
    root = Path(modules.__file__).parents[1]
    command = [sys.executable, "-c", program, repr(TEXTS), *(str(f) for f, _ in trained.values())]
    settings = {"cwd": root, "env": os.environ | {"PYTHONPATH": str(root)}, "text": True}
    ended = subprocess.run(command, capture_output=True, timeout=240, **settings)
    assert ended.returncode == 0, ended.stderr
    for line, (_, wanted) in zip(ended.stdout.splitlines(), trained.values(), strict=True):
        assert torch.allclose(torch.tensor(json.loads(line)), torch.tensor(wanted), atol=1e-5)
