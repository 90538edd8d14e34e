"""What a user's own objective, task or strategy gets wrong is said in one line, where it is."""

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchmetrics import MetricCollection
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import modules
from modules.finetuning.base import FineTuningModule
from modules.pretraining.base import PretrainingModule
from modules.tasks.base import Task

SETTINGS = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


def rows(**more) -> DataLoader:
    held = {"input_ids": torch.full((2, 4), 6), "attention_mask": torch.ones(2, 4).long(), **more}
    return DataLoader([{n: v[row] for n, v in held.items()} for row in range(2)], batch_size=2)


def refused(module, loader: DataLoader, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        Trainer(max_steps=1, accelerator="cpu", **SETTINGS).fit(module, loader)
    assert "\n" not in str(raised.value)


class Given(PretrainingModule):
    """Returns what a test has it return."""

    default_family = "bert"
    example: object = None
    values: object = staticmethod(lambda total: {"a_loss": total})

    def corrupt(self, batch, generator):
        return self.example or {"attention_mask": batch["attention_mask"]}

    def losses(self, example):
        return self.values(sum(parameter.sum() for parameter in self.parameters()))


@pytest.fixture(scope="module")
def objective(bert):
    return Given(tokenizer=bert, size="tiny", row_tokens=8)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"example": (torch.ones(2, 4),)},
            "Given.corrupt: must return a mapping, and returns a tuple",
        ),
        (
            {"values": lambda total: total},
            r"Given.losses: must return a mapping of names .* returns a Tensor",
        ),
        (
            {"values": lambda total: {"a_loss": total.repeat(2)}},
            r"Given.losses: a_loss must be a tensor of a single number.* has shape \(2,\)",
        ),
        (
            {"values": lambda total: {"a_loss": total, "share": 0.5}},
            "Given.losses: share must be a tensor",
        ),
        ({"main_loss": "b_loss"}, "Given.main_loss: b_loss is no name that losses returns: a_loss"),
        ({"loss_weights": {"a": 2.0}}, "Given.loss_weights: a is no name that losses returns"),
    ],
)
def test_an_objective(settings, reason, objective, monkeypatch):
    for name, value in settings.items():
        monkeypatch.setattr(objective, name, value)
    refused(objective, rows(), reason)


class Bare(Task):
    """A task without a head of ours, which builds its network itself."""

    monitor, mode = "val/loss", "min"

    def __init__(self, shift: object = 0) -> None:
        self.shift = shift

    def build(self, backbone, dropout=None):
        kind = AutoModelForSequenceClassification
        return kind.from_pretrained(backbone, num_labels=2)

    def logits(self, model, batch):
        return model(batch["input_ids"], batch["attention_mask"]).logits

    def loss(self, logits, batch):
        return functional.cross_entropy(logits, batch["labels"], reduction="none")

    def metrics(self, stage):
        return MetricCollection({})


class Renamed(Bare):
    def arguments(self) -> dict:
        return {"moved": self.shift}


class Told(Bare):
    def arguments(self) -> dict:
        return {"shift": self.shift}


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Bare(), r"^Bare: has no head, so that it must override arguments\(\)$"),
        (Renamed(), r"^Renamed: arguments\(\) does not rebuild it: .*moved"),
        (Told(torch.ones(2)), r"^Told: arguments\(\) holds a Tensor as shift, and has to hold"),
        (Told([{"a": nn.Linear}]), r"^Told: arguments\(\) holds a list as shift"),
    ],
)
def test_a_task_that_could_not_be_rebuilt(task, reason, bert):
    with pytest.raises(ValueError, match=reason):
        modules.FullFineTuning(backbone=bert, task=task)


def test_a_task_whose_loss_is_not_a_mean(bert):
    module = modules.FullFineTuning(backbone=bert, task=Told())
    labels = rows(labels=torch.tensor([0, 1]))
    refused(module, labels, r"^Told.loss: must return the mean loss .* shape \(2,\)$")


class Forgotten(FineTuningModule):
    def adapt(self, model):
        model.requires_grad_(True)


def test_a_strategy_that_returns_no_network(bert):
    with pytest.raises(ValueError, match="its adapt must return the network, and returns a None"):
        Forgotten(backbone=bert)


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.bool])
def test_labels_of_another_type(kind, bert):
    """As other libraries give them; cross-entropy would raise an error of its own."""
    module = modules.FullFineTuning(backbone=bert)
    wanted = rf"int64 of shape \(rows,\), and the labels are {str(kind)[6:]} of shape \(2,\)$"
    refused(module, rows(labels=torch.tensor([0, 1]).to(kind)), wanted)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"input_ids": torch.full((2, 4), -3)}, "the token id -3, and the vocabulary"),
        ({"input_ids": torch.full((2, 4), 6.0)}, "input_ids are float32 and have to be"),
        ({"input_ids": torch.full((2,), 6)}, r"input_ids has shape \(2,\) and has to be a tensor"),
        (
            {"attention_mask": torch.ones(2, 3).long()},
            r"have the shapes \(2, 4\) and \(2, 3\), and have to have the same",
        ),
    ],
)
def test_tokens_of_another_form(entry, reason, bert):
    loader = rows(labels=torch.tensor([0, 1]), **entry)
    refused(modules.FullFineTuning(backbone=bert), loader, f"^a batch.*{reason}")


def test_numbers_of_double_precision_train(bert):
    module = modules.FullFineTuning(backbone=bert, task=modules.Regression())
    loader = rows(labels=torch.tensor([0.0, 1.0], dtype=torch.float64))
    Trainer(max_steps=1, accelerator="cpu", **SETTINGS).fit(module, loader)


def test_numbers_of_numpy_and_paths_are_arguments_too(bert, tmp_path):
    """As labels and folders come from other libraries."""
    import numpy as np

    module = modules.LoRA(backbone=bert, task=Told({"a": np.int64(3), "b": tmp_path}))
    wanted = {"a": 3, "b": str(tmp_path)}
    assert module.hparams["task"]["arguments"]["shift"] == wanted
    assert type(module.hparams["task"]["arguments"]["shift"]["a"]) is int


def test_the_tokenizer_of_a_new_network_may_be_an_object(bert):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    module = modules.MaskedLM(tokenizer=tokenizer, size="tiny", row_tokens=8)
    assert module.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert isinstance(module.hparams["tokenizer"], str)
