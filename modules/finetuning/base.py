"""The base of every fine-tuning strategy: all but which parameters exist and which train."""

import contextlib
from collections.abc import Callable
from typing import Any

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from transformers import PreTrainedModel

from datamodules.batches import LabelledBatch
from modules import given_network, optimization
from modules.accumulation import TokenWeightedAccumulation
from modules.base import PretuneModule
from modules.builtin_values import to_builtin
from modules.finetuning import checkpoints, checks, common_settings, freezing, quantization
from modules.finetuning.targets import trained_layers
from modules.linking import Link
from modules.protocols import TextData
from modules.stage_metrics import Stage, StageMetrics
from modules.tasks import Task, from_dict, to_dict
from modules.tasks.base import Lengths
from modules.tasks.classification import Classification


class FineTuningModule(PretuneModule, abstract=True):
    """A pretrained backbone adapted to a task. A strategy overrides :meth:`adapt`.

    Weights are fp32. While a bf16-mixed trainer holds the module, its frozen matrices are bf16,
    which spares their conversion at every step; what trains stays fp32.

    Args:
        backbone: Pretrained model: minilm | smollm2 (bundled), a hub id, or a folder. In Python
            also a network of transformers with its tokenizer, as a pair: a copy of it trains.
        task: Head, loss and metrics.
        backbone_dropout: Dropout rate, in place of the architecture's own.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decay of matrices; vectors never decay.
        warmup_ratio: Share of all steps over which the learning rate rises.
        schedule: linear and cosine fall to 0 after the warm-up, constant stays, wsd falls last.
        optimizer: adamw, or muon for hidden matrices with adamw for all else.
        betas: AdamW's, of the averages of gradients and of their squares.
        quantize: Keep the frozen matrices in 8bit, or in 4bit as QLoRA (Dettmers et al. 2023). That
            spares memory, and takes time: each pass unpacks them, layer by layer.
    """

    default_task = "Classification"
    links = (Link("model.backbone", "data.tokenizer"),)
    tuned = common_settings.COMMON
    model: Any  # of transformers, or a peft model, which hands its attributes on

    def __init__(
        self,
        backbone: str = "minilm",
        task: Task | None = None,
        backbone_dropout: ClosedUnitInterval | None = None,
        learning_rate: PositiveFloat = 1e-3,
        weight_decay: NonNegativeFloat = 0.01,
        warmup_ratio: ClosedUnitInterval = 0.06,
        schedule: optimization.Schedule = "linear",
        optimizer: optimization.Optimizer = "adamw",
        betas: optimization.Betas = (0.9, 0.999),
        quantize: quantization.Bits | None = None,
    ) -> None:
        super().__init__()
        given, backbone = backbone, given_network.folder_of(backbone)
        self.task = from_dict(task or Classification())
        self.monitor, self.mode, self.origin = self.task.monitor, self.task.mode, backbone
        self.save_hyperparameters(ignore=["task", *["backbone"] * (given is not backbone)])
        settings = {**self.hparams, "backbone": backbone, "task": to_dict(self.task)}
        self.hparams.update(to_builtin(settings))
        # from_pretrained hands out models in eval mode, that is with dropout off.
        self.model = checks.adapted(self, backbone, backbone_dropout, quantize).train()
        self.metrics = StageMetrics(self.task, "train", "val", "test")
        # All that a checkpoint holds. A callback may freeze parts of it for a while.
        self.trainable = frozenset(n for n, p in self.named_parameters() if p.requires_grad)
        self.accumulation = TokenWeightedAccumulation()
        self.param_group_fn: Callable[[list[dict]], list[dict]] | None = None  # set by a callback
        self.strict_loading = False  # frozen weights come from the backbone, not the checkpoint
        checks.check(self)

    def adapt(self, model: PreTrainedModel) -> nn.Module:
        """Add parameters to the model, and set which of them train. Every strategy overrides it."""
        raise ValueError(f"{type(self).__name__}: must override adapt(model)")

    def check_data(self, data: TextData) -> None:
        """Refuse data that the task or the strategy cannot read, after their ``setup``."""
        self.task.check_columns(list(data.texts_of("train")))

    def prompt_description(self) -> str:
        return self.task.prompt_description()

    def num_input_tokens(self, lengths: Lengths) -> Lengths:
        """Return the tokens that the model reads for rows of these lengths."""
        return self.task.num_input_tokens(lengths)

    def forward(self, batch: LabelledBatch) -> Tensor:
        """Return the task's logits."""
        with self.autocast():
            return self.task.logits(self.model, batch)

    def autocast(self) -> contextlib.AbstractContextManager:
        """Autocast where a bf16-mixed trainer has left the frozen matrices in bf16."""
        return freezing.autocast(self.model, self.device)

    def training_step(self, batch: LabelledBatch, batch_idx: int) -> Tensor:
        out = self._step(batch, "train")
        return self.accumulation.scale_loss(self, out["loss"], out["size"])

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.accumulation.normalize_grads(self)

    def validation_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Any]:
        return self._step(batch, "val")

    def test_step(self, batch: LabelledBatch, batch_idx: int) -> dict[str, Any]:
        return self._step(batch, "test")

    def _step(self, batch: LabelledBatch, stage: Stage) -> dict[str, Any]:
        batch = self.task.prepare(batch, stage == "train")
        logits = self(batch)
        loss, size = self.task.loss(logits, batch), self.task.num_targets(batch)
        with self.autocast():
            more = {} if stage == "train" else self.task.evaluation(self.model, batch, stage)
        self.metrics.log(self, stage, loss, size, logits, self.task.targets(batch), **more)
        return {"loss": loss, "logits": logits.detach(), "size": size, **more}

    configure_optimizers, layers = optimization.configure_optimizers, trained_layers
    in_full_precision = freezing.in_full_precision

    def setup(self, stage: str) -> None:
        checks.before_run(self, stage)
        if (data := self.datamodule) is not None:
            data.num_input_tokens = self.num_input_tokens
            self.task.read_data(data)
            self.hparams["task"] = to_builtin(to_dict(self.task))  # with examples that it drew
        if self.trainer.precision == "bf16-mixed":
            freezing.cast_frozen_to_bf16(self.model)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights; only what trains can be missing, as the rest comes from the backbone."""
        keys = super().load_state_dict(*args, **kwargs)
        return keys._replace(missing_keys=[n for n in keys.missing_keys if n in self.trainable])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoints.keep_trained(checkpoint, self)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoints.add_frozen(checkpoint, self)
