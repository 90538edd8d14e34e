"""Linear probing."""

from typing import Any, Literal, cast

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import Tensor, nn
from transformers import PreTrainedModel

from datamodules.batches import LabelledBatch
from modules.finetuning.base import FineTuningModule
from modules.finetuning.features import (
    Row,
    chunks,
    pool,
    replace_encoder_output,
    row_key,
    unpadded_rows,
)
from modules.finetuning.freezing import train_only


class LinearProbe(FineTuningModule):
    """Trains only the task's head, on features of the frozen encoder (Alain & Bengio 2016).

    A text's features are computed once and kept in the CPU's memory, 2.1 kB a text for MiniLM (4
    bytes a column and 0.6 kB); from the second epoch on an epoch costs next to nothing. The
    encoder runs without dropout; the head's own (``--model.task.dropout``) stays. A head of
    several layers, such as RoBERTa's, trains whole.

    Args:
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own, which BERT's head shares.
    """

    def __init__(
        self,
        learning_rate: PositiveFloat = 3e-2,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._features: dict[bytes, Tensor] = {}  # (H,) of each text met so far
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        if self.task.peft_type != "SEQ_CLS":
            kind = type(self.task).__name__
            raise ValueError(f"--model LinearProbe: takes one vector a text, which {kind} has not")
        return train_only(model)

    def forward(self, batch: LabelledBatch) -> Tensor:
        rows = unpadded_rows(batch)
        precision = self.model.base_model.dtype, torch.is_autocast_enabled(self.device.type)
        keys = [row_key(row, precision) for row in rows]
        self._encode({k: r for k, r in zip(keys, rows, strict=True) if k not in self._features})
        features_BH = torch.stack([self._features[key] for key in keys])
        return self._logits(batch, features_BH.to(self.device))

    def predict_logits(self, batch: LabelledBatch) -> Tensor:
        return super().forward(self.task.prepare(batch, False))  # texts come once: none is kept

    def _logits(self, batch: LabelledBatch, features_BH: Tensor) -> Tensor:
        """Return the head's logits, as if each text were one token that is encoded already."""
        names = ("input_ids", "attention_mask", "token_type_ids")
        tensors: dict[str, Any] = dict(batch)
        first = {name: held[:, :1] for name, held in tensors.items() if name in names}
        with replace_encoder_output(self.model.base_model, features_BH[:, None]):
            return super().forward(cast(LabelledBatch, {**tensors, **first}))

    @torch.no_grad()
    def _encode(self, rows: dict[bytes, Row]) -> None:
        """Encode texts, to the same last bit after a resume, whatever texts share the batch."""
        config, training = self.model.config.get_text_config(), self.model.training
        longest = getattr(config, "max_position_embeddings", 1 << 30)
        place: Literal["first", "last", "mean"] = "mean"
        if self.task.pooling != "mean":  # a decoder's head is score
            place = "last" if hasattr(self.model, "score") else "first"
        seen: list[Tensor] = []
        self.model.eval()
        for keys, padded in chunks(rows, longest, config.pad_token_id or 0):
            on_device = {name: value.to(self.device) for name, value in padded.items()}
            chunk = cast(LabelledBatch, on_device)
            hook = self.model.base_model.register_forward_hook(lambda *a: seen.append(a[2][0]))
            logits = super().forward(chunk)
            hook.remove()
            features_BH = pool(seen.pop(), chunk["attention_mask"], place)
            if not self._features:  # the first texts of all
                off = (self._logits(chunk, features_BH) - logits).abs().max()
                if off > 0.05 * logits.abs().max():
                    kind = f"the head of {config.model_type} reads something else"
                    raise ValueError(f"--model LinearProbe: takes one vector a text, and {kind}")
            for key, features_H in zip(keys, features_BH.cpu(), strict=False):
                self._features[key] = features_H.clone()
        self.model.train(training)
        # Autocast keeps weights in bf16 as it first met them: the head's, here, have no gradient.
        torch.clear_autocast_cache()
