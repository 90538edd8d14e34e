"""Language modeling on text of one's own domain."""

from typing import Any, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval
from torch import Tensor
from torchmetrics import MetricCollection

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer
from modules.characters import Characters
from modules.masking import mask_rows, mask_tokens
from modules.tasks import network_inputs, pretrained_lm, token_sums
from modules.tasks.base import Task
from modules.tasks.token_sums import IGNORED


class LanguageModeling(Task[LabelledBatch]):
    """Predicts tokens: domain-adaptive pre-training with any strategy (Gururangan et al. 2020).

    A decoder predicts each next token, an encoder the masked ones. Masks are new in every step; in
    validation they are a function of the row, so that curves compare.

    Args:
        mask_probability: Share of the tokens of an encoder's text to mask (Devlin et al. 2019).
    """

    monitor, mode, label_kind = "val/loss", "min", "none"
    batch_keys = ("input_ids", "attention_mask")

    def __init__(self, mask_probability: ClosedUnitInterval = 0.15) -> None:
        self.mask_probability = mask_probability
        self._mask: int | None = None  # the mask token's id; a decoder has none
        self._special: Tensor = torch.empty(0)

    def arguments(self) -> dict[str, Any]:
        return {"mask_probability": self.mask_probability}

    def build(self, backbone: str, dropout: float | None = None) -> Any:
        model, masked = pretrained_lm.build(self, backbone, dropout)
        if masked:
            tokenizer = load_tokenizer(backbone)
            self._mask = tokenizer.mask_token_id
            self._special = torch.tensor(tokenizer.all_special_ids)
            self._vocabulary, self._characters = len(tokenizer), Characters(tokenizer)
        return model

    def prepare(self, batch: LabelledBatch, training: bool) -> LabelledBatch:
        """Add ``labels`` (B, T): the token to predict, -100 where there is none."""
        ids_BT, real_BT = batch["input_ids"], batch["attention_mask"].bool()
        if self._mask is None:
            return {**batch, "labels": token_sums.next_tokens(ids_BT, real_BT)}
        eligible_BT = real_BT & ~torch.isin(ids_BT, self._special.to(ids_BT.device))
        settings = (self._mask, self._vocabulary, self.mask_probability)
        if training:
            seen_BT, chosen_BT = mask_tokens(
                ids_BT, eligible_BT, *settings, None, self._characters.to(ids_BT.device)
            )
        else:
            # A row's own draws wherever it stands; its place in the batch where it has no number.
            seeds = batch.get("index", torch.arange(len(ids_BT))).tolist()
            masks = eligible_BT, batch["attention_mask"]
            seen_BT, chosen_BT = mask_rows(ids_BT, *masks, seeds, *settings, self._characters.cpu())
        return {**batch, "input_ids": seen_BT, "labels": ids_BT.where(chosen_BT, IGNORED)}

    def logits(self, model: Any, batch: LabelledBatch) -> Tensor:
        """Return the sums over the predicted tokens, (2,), of :func:`token_sums.token_sums`."""
        return token_sums.token_sums(model, network_inputs.model_inputs(batch), batch["labels"])

    def loss(self, logits: Tensor, batch: LabelledBatch) -> Tensor:
        return token_sums.mean_loss(logits, batch)

    def num_targets(self, batch: LabelledBatch) -> Tensor:
        return token_sums.num_tokens(batch)

    def metrics(self, stage: Literal["train", "val", "test"]) -> MetricCollection:
        return token_sums.token_metrics(stage)
