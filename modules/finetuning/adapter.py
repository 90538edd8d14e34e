"""Bottleneck adapters."""

from typing import Any, Literal

from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt
from torch import nn
from transformers import PreTrainedModel

from datamodules.unread import Unread, given
from modules.finetuning.base import FineTuningModule
from modules.finetuning.bottleneck import Bottleneck, attach_parallel, sublayers
from modules.finetuning.freezing import train_only
from modules.tuning import Tuned

_CHOSEN = "docs/results.md, mean pooling and reduction 4: validation accuracy 0.830, 0.828, 0.828"


class Adapter(FineTuningModule):
    """Trains small layers in a frozen backbone: h + scale * W_up f(W_down h).

    W_up is zero at first, so that training starts from the backbone's own function, exactly.
    Houlsby et al. (2019) put one after attention's output projection and one after the
    feed-forward block, both before the residual is added and normalised; Pfeiffer et al. (2021)
    only the latter; He et al. (2022) put one beside the feed-forward block, on what enters it.
    The backbone's dropout, off by default, comes after them. Its norms stay frozen, although
    Houlsby et al. trained them too. The task's head trains whole.

    Args:
        placement: houlsby, pfeiffer or parallel.
        reduction_factor: Hidden size / columns of the bottleneck.
        size: Columns of the bottleneck, in place of a reduction factor.
        nonlinearity: The function f.
        scale: Factor of what is added; 4 for parallel (He et al.) and 1 for the others, if not
            given.
        learning_rate: Highest learning rate of the schedule.
        backbone_dropout: Dropout rate in place of the architecture's own: 0, as few weights train.
    """

    tuned = (
        Tuned(
            "trainer.max_epochs", 2, "experiments/strategies.py: validation accuracy 0.829 ± 0.001"
        ),
        Tuned("model.reduction_factor", 4, _CHOSEN),
        Tuned("model.task.pooling", "mean", _CHOSEN),
    )

    unread = (Unread(("reduction_factor",), "size", given),)
    own_format = True  # no other library knows these layers: see exporting.py

    def __init__(
        self,
        placement: Literal["houlsby", "pfeiffer", "parallel"] = "pfeiffer",
        reduction_factor: PositiveInt = 16,
        size: PositiveInt | None = None,
        nonlinearity: Literal["gelu", "relu", "silu"] = "gelu",
        scale: PositiveFloat | None = None,
        learning_rate: PositiveFloat = 3e-3,
        backbone_dropout: ClosedUnitInterval | None = 0.0,
        **kwargs: Any,
    ) -> None:
        self._placement, self._factor, self._size = placement, reduction_factor, size
        self._rest = (nonlinearity, scale or (4.0 if placement == "parallel" else 1.0))
        super().__init__(learning_rate=learning_rate, backbone_dropout=backbone_dropout, **kwargs)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        train_only(model)
        width = model.config.get_text_config().hidden_size
        size = self._size or width // self._factor
        if not size:
            raise ValueError(f"--model.reduction_factor {self._factor}: more than {width} columns")
        for attention, enter, leave in sublayers(model, width):
            # Hooks, so that the backbone's own parameters keep their names.
            for layer in [attention, leave] if self._placement == "houlsby" else [leave]:
                layer.adapter = Bottleneck(width, size, *self._rest)
                if self._placement != "parallel":
                    layer.register_forward_hook(lambda layer, _, h: h + layer.adapter(h))
            if self._placement == "parallel":
                attach_parallel(enter, leave)
        return model
