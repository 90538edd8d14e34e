"""Preferences: which of two answers to a prompt is the better one."""

from typing import Any, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import PreferenceBatch
from modules import before_training
from modules.tasks import preference_rows, pretrained_lm
from modules.tasks.base import Task
from modules.tasks.preference_loss import Likelihoods, Loss, check_smoothing, preference_loss
from modules.tasks.rewards import reward_metrics


class Preference(Task[PreferenceBatch]):
    """Trains a decoder to prefer chosen answers, without a reward model (Rafailov et al. 2023).

    The reference is the backbone itself, with the adapter switched off; where weights train in
    place, a copy of their first values. Metrics are of the implied rewards.

    Args:
        chat_template: Template of the chats; the data's on the command line.
        loss: dpo; ipo (Azar et al. 2023), which does not drive the margin to infinity; kto
            (Ethayarajh et al. 2024), which needs no couples; or sft, the likelihood of the chosen
            answers alone, to compare with.
        beta: Weight of what keeps the model near the reference, and factor of the rewards.
        label_smoothing: Share of couples that training takes to be labelled the wrong way round; of
            dpo alone.
    """

    monitor, mode, label_kind = "val/reward_accuracy", "max", "none"
    batch_keys = ("input_ids", "attention_mask", "supervised", "desirable")

    def __init__(
        self,
        chat_template: str | None = None,
        loss: Loss = "dpo",
        beta: PositiveFloat = 0.1,
        label_smoothing: ClosedUnitInterval = 0.0,
    ) -> None:
        check_smoothing(label_smoothing, loss)
        self.chat_template, self.loss_kind = chat_template, loss
        self.beta, self.label_smoothing = beta, label_smoothing

    def arguments(self) -> dict[str, Any]:
        known = {"chat_template": self.chat_template, "loss": self.loss_kind, "beta": self.beta}
        return known | {"label_smoothing": self.label_smoothing}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        return pretrained_lm.build_decoder(self, backbone, dropout)

    read_model = staticmethod(before_training.keep_first_values)

    def check_columns(self, columns: list[str]) -> None:
        preference_rows.check_columns(columns, self.loss_kind)

    def prepare(self, batch: PreferenceBatch, training: bool) -> PreferenceBatch:
        """Add the targets of each answer; see :func:`preference_rows.with_targets`."""
        preference_rows.check_couples(batch["desirable"].ndim == 2, self.loss_kind)
        made = preference_rows.with_targets(batch, drift=self.loss_kind == "kto")
        return made if training else {**made, "training": False}

    def logits(self, model: Any, batch: PreferenceBatch) -> Tensor:
        """Return the columns of ``Likelihoods``, (2, B, 4) of couples or (R, 4)."""
        # Training on chosen answers alone compares with nothing.
        reference = self.loss_kind != "sft" or not batch.get("training", True)
        return torch.stack(preference_rows.likelihoods(model, batch, reference), -1)

    def loss(self, logits: Tensor, batch: PreferenceBatch) -> Tensor:
        found = Likelihoods(*logits.reshape(-1, logits.shape[-1]).unbind(1))
        good_R = batch["desirable"].flatten().bool()
        smoothing = self.label_smoothing if batch.get("training", True) else 0.0
        return preference_loss(self.loss_kind, found, good_R, self.beta, smoothing)

    def num_targets(self, batch: PreferenceBatch) -> Tensor | int:
        return preference_rows.num_targets(batch, self.loss_kind)

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return reward_metrics(stage, self.beta)
