"""The curves of a run: the training loss and every validation metric by step."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.stop_on_nan import loss_of

Curve = list[tuple[int, float]]


class Curves(Callback):
    """Keeps the training loss and all validation metrics by step; survives a resume.

    A point of the training loss is the mean over ``stride`` batches, which doubles whenever there
    are ``most`` points: the memory has a limit, and a GPU is not asked in each step.

    Args:
        most: Number of points of the training loss, at most.

    Attributes:
        validation: The curve of each validation metric, by its name.
    """

    def __init__(self, most: int = 1000) -> None:
        self.most, self.stride = most, 1
        self.validation: dict[str, Curve] = {}
        self._training: list[tuple[int, Any]] = []  # on a GPU the losses stay there
        self._sum: Any = 0.0
        self._count = 0

    @property
    def training(self) -> Curve:
        """The curve of the training loss."""
        return [(step, float(loss)) for step, loss in self._training]

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if (loss := loss_of(outputs)) is None:  # a batch that the module left out
            return
        self._sum, self._count = self._sum + loss, self._count + 1
        if self._count >= self.stride:
            self._training.append((trainer.global_step, self._sum / self._count))
            self._sum, self._count = 0.0, 0
        if len(self._training) >= self.most:
            found = self.training
            pairs = zip(found[::2], found[1::2], strict=False)
            self._training = [(step, (a + b) / 2) for (_, a), (step, b) in pairs]
            self.stride *= 2

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        for name, value in trainer.callback_metrics.items():
            if name.startswith("val/"):
                known = self.validation.setdefault(name, [])
                known[:] = [point for point in known if point[0] != trainer.global_step]
                known.append((trainer.global_step, float(value)))

    def state_dict(self) -> dict[str, Any]:
        return {
            "stride": self.stride,
            "training": self.training,
            "validation": {name: list(curve) for name, curve in self.validation.items()},
            "rest": (float(torch.as_tensor(self._sum)), self._count),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.stride = state_dict["stride"]
        self._training = [(int(step), loss) for step, loss in state_dict["training"]]
        self.validation = {n: list(map(tuple, c)) for n, c in state_dict["validation"].items()}
        self._sum, self._count = state_dict["rest"]
