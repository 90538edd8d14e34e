"""The base of every way of prompting: all but the demonstrations before a row's own prompt."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from datamodules.batches import LabelledBatch
from datamodules.packaged import pad_id
from modules import given_network
from modules.base import PretuneModule
from modules.finetuning.freezing import autocast, cast_frozen_to_bf16
from modules.linking import Link
from modules.prompts import scoring
from modules.prompts.prefix_cache import PrefixCache
from modules.protocols import LabelledData
from modules.stage_metrics import Stage, StageMetrics
from modules.tasks import Task, from_dict
from modules.tasks.base import Lengths
from modules.tasks.prompted_classification import PromptedClassification

# The three over which Zhao et al. 2021 average.
_CONTENT_FREE = ("N/A", "[MASK]", "")
_TEXTS = 128  # unlabelled texts that stand for all


class PromptingModule(PretuneModule, abstract=True):
    """A language model that answers prompts: ``trainer.validate`` and ``test`` run it.

    Nothing trains. A subclass overrides :meth:`demonstration_prefixes`, the text before a row's
    prompt.

    Args:
        backbone: Pretrained model: smollm2 (bundled), a hub id, or a folder; a masked encoder needs
            its own head.
        task: Template, words and instruction.
        calibration: content_free divides the words' probabilities by those behind a text without
            content (contextual calibration, Zhao et al. 2021); texts by their mean over 128
            training texts, whose labels are not read (batch calibration, Zhou et al. 2023).
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
        calibration: Literal["none", "content_free", "texts"] = "none",
    ) -> None:
        super().__init__()
        backbone = given_network.folder_of(backbone)
        asked = from_dict(task or PromptedClassification())
        if not isinstance(asked, PromptedClassification):
            kind = type(self).__name__
            raise ValueError(f"--model.task {type(asked).__name__}: {kind} asks in words only")
        self.task, self.origin, self.calibration = asked, backbone, calibration
        self.monitor, self.mode = self.task.monitor, self.task.mode
        self.model = self.task.build(backbone).eval().requires_grad_(False)
        if self.model.new_parameters:
            raise ValueError(
                f"--model.backbone {backbone}: has no trained language model head to answer with "
                f"(its files lack {self.model.new_parameters[0]}); try smollm2, or fine-tune it"
            )
        self.metrics = StageMetrics(self.task, "val", "test")
        self.prefix_cache = None if self.task.masked else PrefixCache()
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
            data.num_input_tokens = self.num_input_tokens
        if self.trainer.precision == "bf16-mixed":
            cast_frozen_to_bf16(self.model)

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        """Return the tokens of the prompts of rows of these lengths."""
        return self.task.num_input_tokens(lengths + self.max_demonstration_tokens())

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Return the log-likelihoods of the words, (B, classes), calibrated if so asked."""
        prefixes = self.demonstration_prefixes(batch)
        scores = self._scores(self.task.prepare(batch, False, prefixes))
        if self.calibration == "none":
            return scores
        for prefix in dict.fromkeys(prefixes):
            if prefix not in self.priors:
                self.priors[prefix] = self._prior(prefix)
        return scores - torch.stack([self.priors[prefix] for prefix in prefixes])

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Any]:
        return self._step(batch, "val")

    def test_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Any]:
        return self._step(batch, "test")

    def _step(self, batch: LabelledBatch, stage: Stage) -> dict[str, Any]:
        logits = self(batch)
        loss, size = self.task.loss(logits, batch), self.task.num_targets(batch)
        self.metrics.log(self, stage, loss, size, logits, self.task.targets(batch))
        return {"loss": loss, "logits": logits, "size": size}

    @torch.no_grad()
    def _scores(self, batch: Mapping[str, Any]) -> Tensor:
        with autocast(self.model, self.device):
            return self.task.logits(self.model, batch, self.prefix_cache)

    def _prior(self, prefix: str) -> Tensor:
        """Return log-probabilities of the words where the text does not tell, (classes,)."""
        names, found = self.task.template.columns, []
        rows = [dict.fromkeys(names, text) for text in _CONTENT_FREE]
        if self.calibration == "texts":
            assert self.data is not None  # attached before anything is asked
            columns = self.data.texts_of("train")
            draws = np.random.default_rng(self.seed)
            count = len(columns["text"])
            chosen = draws.choice(count, min(count, _TEXTS), replace=False).tolist()
            rows = [{name: columns[name][row] for name in names} for row in chosen]
        for start in range(0, len(rows), 16):
            part = rows[start : start + 16]
            encoded = self.task.encode(part, [prefix] * len(part))
            batch = scoring.collate(encoded, pad_id(self.task.tokenizer), self.device)
            found.append(self._scores(batch).softmax(1))
        return torch.cat(found).mean(0).log()
