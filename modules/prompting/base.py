"""What every way to ask shares: all but what stands before a row's own prompt."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule
from torch import Tensor, nn
from torchmetrics import MeanMetric

from datamodules.batches import LabelledBatch
from datamodules.packaged import pad_id
from modules.finetuning.freezing import halve, precision
from modules.linking import Link
from modules.prompting import scoring
from modules.prompting.prefixes import SharedPrefix
from modules.registry import Registered
from modules.tasks import Task, from_dict
from modules.tasks.base import Lengths
from modules.tasks.prompted_classification import PromptedClassification

# The three over which Zhao et al. 2021 average.
_CONTENT_FREE = ("N/A", "[MASK]", "")
_TEXTS = 128  # unlabelled texts that stand for all


class PromptingModule(Registered, LightningModule):
    """A language model that is asked; nothing trains. ``trainer.validate`` and ``test`` run it.

    A subclass overrides :meth:`leads`: what stands before a row's prompt.

    Args:
        backbone: smollm2 (bundled), a hub id, or a folder; a masked encoder needs its own head.
        task: template, words, instruction.
        calibration: content_free divides the words' probabilities by those behind a text that says
            nothing (contextual calibration, Zhao et al. 2021); texts by their mean over 128
            training texts, whose labels are not read (batch calibration, Zhou et al. 2023).
    """

    trains: ClassVar[bool] = False
    final_split: ClassVar[Literal["val", "test"]] = "test"
    default_task: ClassVar[str | None] = "PromptedClassification"
    links: ClassVar[tuple[Link, ...]] = (
        Link("model.backbone", "data.tokenizer"),
        Link("seed_everything", "model.seed"),
    )

    def __init__(
        self,
        backbone: str = "smollm2",
        task: Task | None = None,
        calibration: Literal["none", "content_free", "texts"] = "none",
    ) -> None:
        super().__init__()
        self.task, self.origin, self.calibration = (
            from_dict(task or PromptedClassification()),
            backbone,
            calibration,
        )
        if not isinstance(self.task, PromptedClassification):
            kind = type(self).__name__
            raise ValueError(f"--model.task {type(self.task).__name__}: {kind} asks in words only")
        self.monitor, self.mode = self.task.monitor, self.task.mode
        self.model = self.task.build(backbone).eval().requires_grad_(False)
        if self.model.new_parameters:
            raise ValueError(
                f"--model.backbone {backbone}: has no trained language model head to answer with "
                f"(its files lack {self.model.new_parameters[0]}); try smollm2, or fine-tune it"
            )
        self.metrics = nn.ModuleDict(
            {f"{stage}_metrics": self.task.metrics(stage) for stage in ("val", "test")}
        )
        self.losses = nn.ModuleDict({stage: MeanMetric() for stage in ("val", "test")})
        self.prefix = None if self.task.masked else SharedPrefix()
        self.priors: dict[str, Tensor] = {}  # log-probabilities of the words, (L,), by lead
        self.seed = 0
        self.data: LightningDataModule | None = None

    def leads(self, batch: LabelledBatch) -> list[str]:
        """What stands before the prompt of each row, (B)."""
        raise NotImplementedError

    def longest_lead(self) -> int:
        """Tokens of the longest one."""
        return 0

    def configure_data(self, data: Any) -> None:
        """Change the data module before its ``setup``: nothing by default."""

    def check_data(self, data: Any) -> None:
        """Refuse, after their ``setup``, data that the task cannot read; keep what fits."""
        self.task.check(list(data.texts_of("train")))
        self.attach_datamodule(data)

    def prompt_description(self) -> str:
        """The prompt that the task puts around a text, for people to read."""
        return self.task.asks()

    def attach_datamodule(self, data: LightningDataModule) -> None:
        """Take the training split to draw from, and refuse what does not fit. Needs its setup."""
        self.data = data

    def setup(self, stage: str) -> None:
        if self.trainer.datamodule is not None:
            self.attach_datamodule(self.trainer.datamodule)
            self.data.cost = self.cost
        if self.trainer.precision == "bf16-mixed":
            halve(self.model)

    def cost(self, lengths: Lengths) -> Lengths:
        """Tokens of the prompts of rows of so many tokens."""
        return self.task.cost(lengths + self.longest_lead())

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Log-likelihoods of the words, calibrated if so asked, (B, classes)."""
        leads = self.leads(batch)
        scores = self._scores(self.task.prepare(batch, training=False, leads=leads))
        if self.calibration == "none":
            return scores
        for lead in dict.fromkeys(leads):
            if lead not in self.priors:
                self.priors[lead] = self._prior(lead)
        return scores - torch.stack([self.priors[lead] for lead in leads])

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Tensor]:
        return self._step(batch, "val")

    def test_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Tensor]:
        return self._step(batch, "test")

    def _step(self, batch: LabelledBatch, stage: str) -> dict[str, Tensor]:
        logits, metrics = self(batch), self.metrics[f"{stage}_metrics"]
        loss, size = self.task.loss(logits, batch), self.task.size(batch)
        metrics.update(logits, batch["labels"])
        self.losses[stage].update(loss, size)
        self.log_dict({f"{stage}/{n}": value for n, value in metrics.items()}, batch_size=1)
        self.log(f"{stage}/loss", self.losses[stage], batch_size=1)
        return {"loss": loss, "logits": logits, "size": size}

    @torch.no_grad()
    def _scores(self, batch: scoring.PromptBatch) -> Tensor:
        with precision(self.model, self.device):
            return self.task.logits(self.model, batch, self.prefix)

    def _prior(self, lead: str) -> Tensor:
        """What the words get where the text does not tell."""
        names, found = self.task.template.columns, []
        rows = [dict.fromkeys(names, text) for text in _CONTENT_FREE]
        if self.calibration == "texts":
            columns = self.data.texts_of("train")
            draws = np.random.default_rng(self.seed)
            count = len(columns["text"])
            chosen = draws.choice(count, min(count, _TEXTS), replace=False).tolist()
            rows = [{name: columns[name][row] for name in names} for row in chosen]
        for start in range(0, len(rows), 16):
            part = rows[start : start + 16]
            encoded = self.task.encode(part, [lead] * len(part))
            batch = scoring.collate(encoded, pad_id(self.task.tokenizer), self.device)
            found.append(self._scores(batch).softmax(1))
        return torch.cat(found).mean(0).log()
