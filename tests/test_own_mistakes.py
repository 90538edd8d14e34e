"""What a user's own objective, task or strategy gets wrong is said in one line, where it is."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric, MetricCollection
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.modeling_outputs import CausalLMOutput

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
        ({"values": lambda total: {"a_loss": total.detach()}}, "Given.losses: no parameter has a"),
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


class Endless(Told):
    monitor = None


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Endless(), "Endless: must have a monitor, such as val/loss, and a mode"),
        (Told, "task Told: no object of a task; give one, as Classification"),
        ("Classification", "task Classification: no object of a task; give one"),
    ],
)
def test_what_is_no_task(task, reason, bert):
    with pytest.raises(ValueError, match=reason):
        modules.FullFineTuning(backbone=bert, task=task)


class Plain(Told):
    """Its network is not loaded by ours, and its metrics are a mapping."""

    def loss(self, logits, batch):
        return super().loss(logits, batch).mean()

    def metrics(self, stage):
        return {"mean": MeanMetric()} if stage == "test" else {}


def test_a_network_that_a_task_loads_itself_opens_again(bert, tmp_path):
    module = modules.FullFineTuning(backbone=bert, task=Plain())
    again = modules.load(modules.export(module, tmp_path / "export"))
    for name, value in module.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.out = nn.Embedding(99, 4), nn.Linear(4, 2)

    def forward(self, input_ids, attention_mask):
        return CausalLMOutput(logits=self.out(self.tokens(input_ids).mean(1)))


class Small(Plain):
    def build(self, backbone, dropout=None):
        return Net()


def test_a_task_with_a_network_of_torch_alone(bert, tmp_path):
    """It trains; what needs the layers of transformers says so."""
    module = modules.FullFineTuning(backbone=bert, task=Small())
    trainer = Trainer(max_steps=1, accelerator="cpu", **SETTINGS)
    trainer.fit(module, rows(labels=torch.tensor([0, 1])))
    with pytest.raises(ValueError, match="Small: its network is a Net, and an export holds"):
        modules.export(module, tmp_path / "export")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="LoRA: looks for the layers of a PreTrainedModel"):
        modules.LoRA(backbone=bert, task=Small())


def test_a_task_whose_loss_is_not_a_mean(bert):
    module = modules.FullFineTuning(backbone=bert, task=Told())
    labels = rows(labels=torch.tensor([0, 1]))
    refused(module, labels, r"^Told.loss: must return the mean loss .* shape \(2,\)$")


class Forgotten(FineTuningModule):
    def adapt(self, model):
        model.requires_grad_(True)


class Frozen(FineTuningModule):
    def adapt(self, model):
        return model.requires_grad_(False)


class Without(FineTuningModule):
    pass


class Longer(FineTuningModule):
    """A layer behind each block, which the network's class does not have."""

    def adapt(self, model):
        for block in model.base_model.encoder.layer:
            width = model.config.hidden_size
            block.output.dense = nn.Sequential(block.output.dense, nn.Linear(width, width))
        return model


def test_a_strategy_with_layers_of_its_own_opens_again(bert, tmp_path):
    """The folder of transformers would lack them."""
    module = Longer(backbone=bert)
    again = modules.load(modules.export(module, tmp_path / "export"))
    for name, value in module.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def test_a_strategy_under_which_nothing_trains(bert):
    labels = rows(labels=torch.tensor([0, 1]))
    refused(Frozen(backbone=bert), labels, "Frozen: freezes all, so that nothing trains")
    with pytest.raises(ValueError, match=r"Without: must override adapt\(model\)"):
        Without(backbone=bert)


def test_a_strategy_that_returns_no_network(bert):
    with pytest.raises(ValueError, match="its adapt must return the network, and returns a None"):
        Forgotten(backbone=bert)


def test_numbers_of_numpy_and_paths_are_arguments_too(bert, tmp_path):
    """As labels and folders come from other libraries."""
    module = modules.LoRA(backbone=bert, task=Told({"a": np.int64(3), "b": tmp_path}))
    wanted = {"a": 3, "b": str(tmp_path)}
    assert module.hparams["task"]["arguments"]["shift"] == wanted
    assert type(module.hparams["task"]["arguments"]["shift"]["a"]) is int


def test_the_tokenizer_of_a_new_network_may_be_an_object(bert):
    tokenizer = AutoTokenizer.from_pretrained(bert)
    module = modules.MaskedLM(tokenizer=tokenizer, size="tiny", row_tokens=8)
    assert module.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert isinstance(module.hparams["tokenizer"], str)
