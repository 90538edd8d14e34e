"""Linear probing."""

from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat
from torch import Tensor, nn
from transformers import PreTrainedModel

from datamodules.batches import LabelledBatch
from modules.finetuning import features
from modules.finetuning.base import FineTuningModule
from modules.finetuning.features import Place, Row
from modules.finetuning.freezing import train_only
from modules.tasks.network_inputs import trunk
from modules.tuning import Tuned

_EPOCHS = "experiments/strategies.py: validation accuracy 0.756 ± 0.001"
_POOLING = "docs/results.md, mean pooling: validation accuracy 0.757, with native pooling 0.698"


class LinearProbe(FineTuningModule):
    """Trains only the task's head, on features of the frozen encoder (Alain & Bengio 2016).

    A text's features are computed once and kept in the CPU's memory, 2.1 kB for one of MiniLM;
    later epochs cost next to nothing. The encoder runs without dropout; the head's own
    (``--model.task.dropout``) stays. A head of several layers, such as RoBERTa's, trains whole.

    Args:
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own, which BERT's head shares.
    """

    tuned = (
        Tuned("trainer.max_epochs", 20, _EPOCHS),
        Tuned("model.task.pooling", "mean", _POOLING),
        Tuned("data.batch_tokens", 4096, "experiments/strategies.py: 32 s for 20 epochs"),
    )

    def __init__(
        self,
        learning_rate: PositiveFloat = 3e-2,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._features: dict[bytes, Tensor] = {}  # (H,) of each text met so far
        self._place: Place | None = None  # what the head reads of a text; known by the first ones
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        if self.task.peft_type != "SEQ_CLS":
            said = "--model LinearProbe: trains a head on one vector a text, which"
            raise ValueError(f"{said} {type(self.task).__name__} has not")
        return train_only(model)

    def forward(self, batch: LabelledBatch) -> Tensor:
        rows = features.unpadded_rows(batch)
        precision = self.model.base_model.dtype, torch.is_autocast_enabled(self.device.type)
        keys = [features.row_key(row, precision) for row in rows]
        self._encode({k: r for k, r in zip(keys, rows, strict=True) if k not in self._features})
        features_BH = torch.stack([self._features[key] for key in keys])
        assert self._place is not None  # known since the first texts were encoded
        return self._logits(batch, features_BH.to(self.device), self._place)

    def predict_logits(self, batch: LabelledBatch) -> Tensor:
        return super().forward(self.task.prepare(batch, False))  # texts come once: none is kept

    def _logits(self, batch: LabelledBatch, features_BH: Tensor, place: Place) -> Tensor:
        """Return the head's logits, as if each text were one token that is encoded already."""
        with features.replace_encoder_output(trunk(self.model), features_BH, place):
            return super().forward(features.first_tokens(batch))

    @torch.no_grad()
    def _encode(self, rows: dict[bytes, Row]) -> None:
        """Encode texts, to the same last bit after a resume, whatever texts share the batch."""
        training, forward = self.model.training, super().forward
        self.model.eval()
        for keys, chunk in features.batches(self.model, rows, self.device):
            encoded, logits = features.run(forward, trunk(self.model), chunk)
            if self._place is None:
                self._place = self._find_place(chunk, encoded, logits)
            features_BH = features.pool(encoded, chunk["attention_mask"], self._place)
            kept = (features_H.clone() for features_H in features_BH.cpu())
            self._features.update(zip(keys, kept, strict=False))
        self.model.train(training)
        # Autocast keeps weights in bf16 as it first met them: the head's, here, have no gradient.
        torch.clear_autocast_cache()

    def _find_place(self, chunk: LabelledBatch, encoded: Any, logits: Tensor) -> Place:
        """Return what the head reads of a text, which has to be one vector."""
        mask_BT = chunk["attention_mask"]

        def error(place: Place) -> float:
            features_BH = features.pool(encoded, mask_BT, place)
            return features.error(self._logits(chunk, features_BH, place), logits)

        places = features.readable_places(self.task.pooling, trunk(self.model), encoded, mask_BT)
        if (found := features.find_place(places, error, float(logits.abs().max()))) is None:
            kind = f"the head of {self.model.config.model_type} reads something else"
            raise ValueError(f"--model LinearProbe: takes one vector a text, and {kind}")
        return found
