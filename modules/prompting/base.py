"""The base of every way of prompting: all but the demonstrations before a row's own prompt."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from datamodules.batches import LabelledBatch
from modules import given_network
from modules.base import PretuneModule
from modules.builtin_values import to_builtin
from modules.finetuning.freezing import autocast, cast_frozen_to_bf16
from modules.linking import Link
from modules.prompting import calibration as calibrating
from modules.prompting.pool import asked_in_words, trained_network
from modules.prompts.prefix_cache import PrefixCache
from modules.protocols import LabelledData
from modules.stage_metrics import StageMetrics
from modules.tasks import Task, from_dict, to_dict
from modules.tasks.base import Lengths
from modules.tasks.prompted_classification import PromptedClassification
from modules.tasks.prompted_generation import PromptedGeneration


class PromptingModule(PretuneModule, abstract=True):
    """A language model that answers prompts: ``trainer.validate`` and ``test`` run it.

    Nothing trains. A subclass overrides :meth:`demonstration_prefixes`, the text before a row's
    prompt.

    Args:
        backbone: Pretrained model: smollm2 (bundled), a hub id, or a folder; a masked encoder needs
            its own head.
        task: Template, words and instruction: PromptedClassification, or PromptedGeneration.
        calibration: content_free divides the answers' probabilities by those behind a text without
            content (contextual calibration, Zhao et al. 2021); texts by their mean over 128
            training texts, whose labels are not read (batch calibration, Zhou et al. 2023). Answers
            in free words have nothing to calibrate, and a question's own choices content_free.
    """

    trains = False
    default_task = "PromptedClassification"
    links = (
        Link("model.backbone", "data.tokenizer"),
        Link("seed_everything", "model.seed"),
    )

    def __init__(
        self,
        backbone: str = "smollm2",
        task: Task | None = None,
        calibration: calibrating.Calibration = "none",
    ) -> None:
        super().__init__()
        backbone = given_network.folder_of(backbone)
        self.task = asked_in_words(from_dict(task or PromptedClassification()), type(self).__name__)
        calibrating.check(self.task, calibration)
        self.origin, self.calibration = backbone, calibration
        self.save_hyperparameters(ignore=["task", "backbone"])
        settings = {**self.hparams, "backbone": backbone, "task": to_dict(self.task)}
        self.hparams.update(to_builtin(settings))
        self.monitor, self.mode = self.task.monitor, self.task.mode
        self.model = trained_network(self.task, backbone)
        self.metrics = StageMetrics(self.task, "val", "test")
        self.prefix_cache = None if getattr(self.task, "masked", False) else PrefixCache()
        if isinstance(self.task, PromptedGeneration):
            self.task.prefix_cache = self.prefix_cache
        self.priors: dict[str, Tensor] = {}  # log-probabilities of the words, (L,), by prefix
        self.seed = 0
        self.data: LabelledData | None = None

    def demonstration_prefixes(self, batch: LabelledBatch) -> list[str]:
        """Return the text before the prompt of each row, B of them."""
        raise NotImplementedError

    def max_demonstration_tokens(self) -> int:
        """Return the tokens of the longest text before a prompt."""
        return 0

    def check_data(self, data: LabelledData) -> None:
        """Refuse data that the task cannot read, after their ``setup``; keep those that fit."""
        self.task.check_columns(list(data.texts_of("train")))
        self.attach_datamodule(data)

    def prompt_description(self) -> str:
        return self.task.prompt_description()

    def attach_datamodule(self, data: LabelledData) -> None:
        """Keep the data module to draw training rows from; it needs its ``setup``."""
        self.data = data

    def setup(self, stage: str) -> None:
        if (data := self.datamodule) is not None:
            self.attach_datamodule(data)
            self.task.read_data(data)
            data.num_input_tokens = self.num_input_tokens
        if self.trainer.precision == "bf16-mixed":
            cast_frozen_to_bf16(self.model)

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        """Return the tokens of the prompts of rows of these lengths."""
        return self.task.num_input_tokens(lengths + self.max_demonstration_tokens())

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Return calibrated log-likelihoods of the answers, (B, L); of free words sums, (2,)."""
        return self._answered(batch)[1]

    def _answered(self, batch: Any) -> tuple[Any, Tensor]:
        """Return the prepared batch, and what ``forward`` does."""
        itself = isinstance(self.task, PromptedGeneration)  # it asks for the prefixes itself
        prefixes = [] if itself else self.demonstration_prefixes(batch)
        batch = self.task.prepare(batch, False, *([] if itself else [prefixes]))
        scores = self._scores(batch)
        if self.calibration != "none":
            scores = scores - calibrating.priors(self, batch, prefixes)
        return batch, scores

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Any]:
        return self._step(batch, "val")

    def test_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Any]:
        return self._step(batch, "test")

    def _step(self, batch: Any, stage: Literal["val", "test"]) -> dict[str, Any]:
        batch, logits = self._answered(batch)
        loss, size = self.task.loss(logits, batch), self.task.num_targets(batch)
        with torch.no_grad(), autocast(self.model, self.device):
            more = self.task.evaluation(self.model, batch, stage)
        self.metrics.log(self, stage, loss, size, logits, self.task.targets(batch), **more)
        return {"loss": loss, "logits": logits, "size": size, **more}

    @torch.no_grad()
    def _scores(self, batch: Mapping[str, Any]) -> Tensor:
        with autocast(self.model, self.device):
            if isinstance(self.task, PromptedGeneration):
                return self.task.logits(self.model, batch)
            return self.task.logits(self.model, batch, self.prefix_cache)
