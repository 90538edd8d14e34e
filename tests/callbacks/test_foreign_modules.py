"""Every callback beside a LightningModule that knows nothing of this project."""

from contextlib import nullcontext

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

import callbacks

ARGUMENTS = {"LastCheckpoint": ("folder",), "MFUMonitor": (lambda: 0.0,), "StepSeed": (3,)}
REFUSES = {
    "DiscriminativeLearningRates": "DiscriminativeLearningRates: Foreign does not tell its layers",
    "LayerwiseUnfreezing": "LayerwiseUnfreezing: Foreign does not tell its layers",
    "GenerationSamples": "GenerationSamples: needs a data module with references, prompt_ids",
    "ObjectiveExamples": "ObjectiveExamples: Foreign is no pre-training objective",
    "UnseenTasks": "UnseenTasks: needs a data module with questions",
}


class Foreign(LightningModule):
    """A linear layer, whose steps return what Lightning allows."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(2, 1)])

    def training_step(self, batch, batch_idx):
        return None if batch_idx == 1 else self.layers[0](self.inputs(batch)).square().mean()

    def validation_step(self, batch, batch_idx):
        return self.layers[0](self.inputs(batch)).square().mean() if batch_idx else None

    def test_step(self, batch, batch_idx):
        self.log("test/loss", self.layers[0](self.inputs(batch)).square().mean())

    @staticmethod
    def inputs(batch):
        return batch["attention_mask"].float() if isinstance(batch, dict) else batch

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def run(name: str, rows: list, folder) -> None:
    given = [folder if value == "folder" else value for value in ARGUMENTS.get(name, ())]
    settings = {
        "logger": False,
        "default_root_dir": folder,
        "enable_checkpointing": name == "LastCheckpoint",
        "enable_model_summary": False,
    }
    settings |= {"num_sanity_val_steps": 0, "accelerator": "cpu", "log_every_n_steps": 1}
    callback = getattr(callbacks, name)(*given)
    trainer = Trainer(
        max_epochs=1, callbacks=[callback], enable_progress_bar=name == "Progress", **settings
    )
    module, loader = Foreign(), DataLoader(rows, batch_size=2)
    trainer.fit(module, loader, loader)
    trainer.test(module, loader, verbose=False)
    assert trainer.global_step == 3


@pytest.fixture(autouse=True)
def python(monkeypatch):
    monkeypatch.setattr("datamodules.argument_names._command_line", False)


@pytest.mark.parametrize("name", callbacks.__all__)
def test_works_or_says_why_not(name, tmp_path):
    rows = [{"attention_mask": torch.ones(2), "labels": torch.tensor(0)} for _ in range(6)]
    refused = pytest.raises(ValueError, match=f"^{REFUSES[name]}") if name in REFUSES else None
    with refused or nullcontext():
        run(name, rows, tmp_path)


@pytest.mark.parametrize("name", sorted(set(callbacks.__all__) - REFUSES.keys()))
def test_batches_without_tokens(name, tmp_path):
    refused = pytest.raises(ValueError, match="count tokens by a batch's attention_mask, and this")
    with refused if name in ("ThroughputMonitor", "MFUMonitor") else nullcontext():
        run(name, [torch.ones(2) for _ in range(6)], tmp_path)
