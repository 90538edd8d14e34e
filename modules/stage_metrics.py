"""Metrics and mean loss of training, validation and test."""

from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric, MetricCollection

from modules.tasks import Task

Stage = Literal["train", "val", "test"]


class StageMetrics(nn.Module):
    """The task's metrics and the mean loss: of each batch in training, of all rows otherwise.

    Args:
        task: The task whose metrics are logged.
        stages: The stages that there are.
    """

    def __init__(self, task: Task, *stages: Stage) -> None:
        super().__init__()
        # A module may not have the name train.
        # A mapping of metrics, or one, is as good as a collection.
        made = {stage: task.metrics(stage) for stage in stages}
        metrics = {
            f"{stage}_metrics": m if isinstance(m, MetricCollection) else MetricCollection(m)
            for stage, m in made.items()
        }
        self.metrics = nn.ModuleDict(metrics)
        # Losses too: Lightning's own mean over devices rounds a number of rows that is uneven.
        self.losses = nn.ModuleDict({s: MeanMetric() for s in stages if s != "train"})

    def log(
        self,
        module: LightningModule,
        stage: Stage,
        loss: Tensor,
        count: Tensor | int,
        logits: Tensor,
        labels: Any,
        **more: Any,
    ) -> None:
        """Update the metrics with a batch, and log them by ``module``.

        Args:
            module: The module that runs the batch.
            stage: train, val or test.
            loss: The mean over ``count`` targets, a scalar.
            count: Rows or tokens.
            logits: What the task's metrics take first.
            labels: What they take next, ``targets`` of the task.
            more: What they take by name, of the task's ``evaluation``.

        Raises:
            ValueError: If the loss is no scalar.
        """
        if loss.ndim:
            kind = type(getattr(module, "task", module)).__name__
            raise ValueError(
                f"{kind}.loss: must return the mean loss of a batch, a scalar, and returns a "
                f"tensor of shape {tuple(loss.shape)}"
            )
        metrics = self.metrics[f"{stage}_metrics"]
        assert isinstance(metrics, MetricCollection)
        if stage == "train":
            module.log("train/loss", loss, prog_bar=True, batch_size=1)
            values = {
                f"train/{name}": value for name, value in metrics(logits.detach(), labels).items()
            }
            module.log_dict(values, prog_bar=True, batch_size=1)
            return
        mean = self.losses[stage]
        assert isinstance(mean, MeanMetric)
        if not torch.is_inference_mode_enabled():
            for metric in (mean, *metrics.values(copy_state=False)):
                _leave_inference_mode(metric)
        metrics.update(logits.detach(), labels, **more)
        mean.update(loss, count)
        module.log(f"{stage}/loss", mean, prog_bar=True, batch_size=1)
        # Lightning computes them over all batches.
        module.log_dict({f"{stage}/{name}": m for name, m in metrics.items()}, batch_size=1)


def _leave_inference_mode(metric: Metric) -> None:
    """Copy states that ``trainer.validate`` has left behind, which a later fit may not change."""
    for name in metric._defaults:
        state = getattr(metric, name)
        if isinstance(state, Tensor) and state.is_inference():
            setattr(metric, name, state.clone())
