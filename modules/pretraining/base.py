"""The base of every pre-training objective: all but its corruption of text and its losses."""

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from datamodules.packaged import load_tokenizer
from modules import optimization
from modules.accumulation import TokenWeightedAccumulation, num_targets
from modules.base import PretuneModule
from modules.finetuning.targets import trained_layers, with_head
from modules.linking import Link
from modules.pretraining import architectures
from modules.protocols import CorpusData
from modules.tasks import to_builtin


class PretrainingModule(PretuneModule, abstract=True):
    """A network trained on clean rows. An objective overrides ``corrupt`` and ``losses``.

    Args:
        tokenizer: Folder of the corpus's tokenizer; the data's on the command line.
        size: Tiny | mini | small | base, or a config.json of transformers.
        family: Model type of transformers; the objective's own if not given.
        backbone: Pretrained weights to go on from: minilm | smollm2, a hub id, or a folder.
        row_tokens: Tokens of the longest row; the data's on the command line.
        dropout: Dropout rate, in place of all the architecture's own.
        learning_rate: Highest learning rate of the schedule.
        embedding_lr_multiplier: Learning rate of the embeddings / learning_rate.
        weight_decay: Decay of matrices; vectors never decay.
        warmup_ratio: Share of all steps over which the learning rate rises.
        schedule: linear and cosine fall to 0 after the warm-up, constant stays.
        bytes_per_token: UTF-8 bytes per token, for bits per byte; the data's on the command line.
    """

    final_split = "val"  # a corpus has no rows for a test
    links = (
        Link("data.row_tokens", "model.row_tokens"),
        Link("data.tokenizer", "model.tokenizer", built=True),
        Link("data.bytes_per_token", "model.bytes_per_token", built=True),
    )
    short_name: ClassVar[str] = ""  # in tables of results; the class's own name if empty
    small_budget: ClassVar[dict[str, Any]] = {}  # arguments that suit a few million tokens
    default_family: ClassVar[str] = "modernbert"
    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    required_tokens: ClassVar[tuple[str, ...]] = ()  # as the tokenizer names them: mask_token
    add_special_tokens: ClassVar[bool] = True  # rows stand between [CLS] and [SEP]
    row_kind: ClassVar[str | None] = None  # of the corpus's rows; None takes every kind
    batch_keys = ("input_ids", "attention_mask")
    main_loss: ClassVar[str]  # the name of the loss that perplexity is of
    loss_weights: Mapping[str, float] = MappingProxyType({})  # in the sum; 1 where not named
    monitor, mode = "val/loss", "min"
    model: PreTrainedModel

    def __init__(
        self,
        tokenizer: str,
        size: str = "mini",
        family: str | None = None,
        backbone: str | None = None,
        row_tokens: int = 128,
        dropout: ClosedUnitInterval = 0.0,
        learning_rate: PositiveFloat = 2e-3,
        embedding_lr_multiplier: PositiveFloat = 3.0,
        weight_decay: NonNegativeFloat = 0.01,
        warmup_ratio: ClosedUnitInterval = 0.06,
        schedule: optimization.Schedule = "cosine",
        bytes_per_token: float | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.hparams.update(to_builtin(dict(self.hparams)))
        self.tokenizer = load_tokenizer(tokenizer)
        architectures.require_tokens(self.tokenizer, self.required_tokens, type(self).__name__)
        self.model = self.build()
        self.model.train()
        new = f"a new {self.model.config.model_type} ({self.hparams['size']})"
        self.origin = self.hparams["backbone"] or new
        self._takes = inspect.signature(self.model.forward).parameters
        self.accumulation = TokenWeightedAccumulation()
        self.param_group_fn: Callable[[list[dict]], list[dict]] | None = None  # set by a callback
        self.trainable = frozenset(n for n, p in self.named_parameters() if p.requires_grad)

    def build(self) -> PreTrainedModel:
        """Build the network: a new one, or pretrained weights to go on from."""
        if (backbone := self.hparams["backbone"]) is None:
            return architectures.from_config(self.auto_class, self.network_config())
        settings = (self.tokenizer, self.max_positions(), self.hparams["dropout"])
        return architectures.from_pretrained(self.auto_class, backbone, *settings)

    def network_config(self, half_width: bool = False) -> Any:
        """Make the config of a new network; see :func:`architectures.make_config`."""
        family = self.hparams["family"] or self.default_family
        settings = (self.tokenizer, self.max_positions(), self.hparams["dropout"], half_width)
        return architectures.make_config(family, self.hparams["size"], *settings)

    def max_positions(self) -> int:
        """Return the tokens of the longest row, with the special tokens that are added."""
        return self.hparams["row_tokens"] + 3 * self.add_special_tokens

    def export_model(self) -> PreTrainedModel:
        """Return the network to export, for fine-tuning to load."""
        return self.model

    def filter_inputs(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keep the inputs that the architecture takes: not every one has token types."""
        return {name: value for name, value in inputs.items() if name in self._takes}

    def configure_data(self, data: CorpusData) -> None:
        """Have the data module serve the rows that the objective needs, before its ``setup``."""
        data.match_objective(self.row_kind)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Any]:
        """Make the objective's example of clean rows, on their device; draw from ``generator``."""
        raise NotImplementedError

    def losses(self, example: dict[str, Any]) -> dict[str, Tensor]:
        """Compute scalars: those ending in _loss are summed by weight, the rest is only logged."""
        raise NotImplementedError

    def _step(self, batch: CorpusBatch, seed: int) -> tuple[dict[str, Tensor], Tensor | int]:
        example = self.corrupt(batch, torch.Generator(self.device).manual_seed(seed))
        out = self.losses(example)
        parts = [self.loss_weights.get(k, 1.0) * v for k, v in out.items() if k.endswith("_loss")]
        return {"loss": torch.stack(parts).sum(), **out}, num_targets(example)

    def training_step(self, batch: CorpusBatch, batch_idx: int) -> Tensor:
        seed = int(torch.randint(2**62, ()))  # StepSeed's, so that a resumed run draws the same
        out, count = self._step(batch, seed)
        self.log_dict({f"train/{k}": v.detach() for k, v in out.items()}, True, batch_size=1)
        return self.accumulation.scale_loss(self, out["loss"], count)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.accumulation.normalize_grads(self)

    def validation_step(self, batch: CorpusBatch, batch_idx: int) -> None:
        # The same draws at every validation, so that curves compare.
        out, count = self._step(batch, batch_idx * self.trainer.world_size + self.global_rank)
        logged = {f"val/{name}": value for name, value in out.items()}
        weight = int(count) * self.trainer.world_size  # Lightning rounds the mean of the devices'
        self.log_dict(logged, batch_size=weight, on_epoch=True, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        """Log perplexity, and bits per byte of an autoregressive model, from the mean loss."""
        if (loss := self.trainer.callback_metrics.get(f"val/{self.main_loss}")) is not None:
            self.log("val/perplexity", loss.exp())
            if self.main_loss == "causal_loss" and (size := self.hparams["bytes_per_token"]):
                self.log("val/bits_per_byte", loss / math.log(2) / size)

    def layers(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters that train by depth; those beside the network count as head."""
        return with_head(trained_layers(self.model, dict(self.model.named_parameters())), self)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return optimization.configure_optimizers(self)
