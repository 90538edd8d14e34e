"""The base of every pre-training objective: all but its corruption of text and its losses."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from transformers import PreTrainedModel

from datamodules.batches import CorpusBatch
from datamodules.packaged import load_tokenizer
from modules import given_network, optimization
from modules.accumulation import TokenWeightedAccumulation
from modules.base import PretuneModule
from modules.builtin_values import to_builtin
from modules.finetuning.targets import trained_layers
from modules.pretraining import architectures, common_settings, example_views, network_checks
from modules.pretraining.cooccurrence import begin_fit, watch
from modules.pretraining.examples import Example, log_perplexity, num_targets, sum_losses
from modules.pretraining.low_rank import merged
from modules.pretraining.unused import freeze_at_fit
from modules.protocols import CorpusData


class PretrainingModule(PretuneModule, abstract=True):
    """A network trained on clean rows. An objective overrides ``corrupt`` and ``losses``.

    Args:
        tokenizer: Folder of the corpus's tokenizer; the data's on the command line. In Python also
            a tokenizer of transformers, and the backbone's if not given.
        size: Tiny | mini | small | base, or a config.json of transformers.
        family: Model type of transformers; the objective's own if not given.
        backbone: Pretrained weights to go on from: minilm | smollm2, a hub id, or a folder. In
            Python also a network of transformers with its tokenizer, as a pair: a copy trains.
        lora_rank: Rank of updates that train in place of the backbone's matrices; none trains all.
        mimetic: Whether a new network's attention begins as the identity (mimetic initialisation).
        cooccurrence: Whether its embeddings begin as factors of which tokens the corpus has nearby.
        row_tokens: Tokens of the longest row; the data's on the command line.
        dropout: Dropout rate, in place of all the architecture's own.
        learning_rate: Highest learning rate of the schedule.
        embedding_lr_multiplier: Learning rate of the embeddings / learning_rate.
        weight_decay: Decay of matrices; vectors never decay.
        warmup_ratio: Share of all steps over which the learning rate rises.
        schedule: linear and cosine fall to 0 after the warm-up, constant stays, wsd falls last.
        optimizer: adamw, or muon for hidden matrices with adamw for all else.
        betas: AdamW's, of the averages of gradients and of their squares.
        bytes_per_token: UTF-8 bytes per token, for bits per byte; the data's on the command line.
    """

    # A corpus has no rows for a test.
    final_split, monitor, mode = "val", "val/loss", "min"
    links, tuned, unread = common_settings.LINKS, common_settings.TUNED, common_settings.UNREAD
    metric_facts = common_settings.METRIC_FACTS
    short_name: ClassVar[str] = ""  # in tables of results; the class's own name if empty
    default_family: ClassVar[str] = "modernbert"
    auto_class: ClassVar[str] = "AutoModelForMaskedLM"
    required_tokens: ClassVar[tuple[str, ...]] = ()  # as the tokenizer names them: mask_token
    add_special_tokens: ClassVar[bool] = True  # rows stand between [CLS] and [SEP]
    row_kind: ClassVar[str | None] = None  # of the corpus's rows; None takes every kind
    # The loss that is a mean negative log-likelihood of tokens; perplexity is its exponential.
    main_loss: ClassVar[str | None] = None
    loss_weights: Mapping[str, float] = MappingProxyType({})  # in the sum; 1 where not named
    model: PreTrainedModel

    def __init__(
        self,
        tokenizer: str | None = None,
        size: str = "mini",
        family: str | None = None,
        backbone: str | None = None,
        lora_rank: PositiveInt | None = None,
        mimetic: bool = True,
        cooccurrence: bool = False,
        row_tokens: int = 128,
        dropout: ClosedUnitInterval = 0.0,
        learning_rate: PositiveFloat = 2e-3,
        embedding_lr_multiplier: PositiveFloat = 3.0,
        weight_decay: NonNegativeFloat = 0.01,
        warmup_ratio: ClosedUnitInterval = 0.06,
        schedule: optimization.Schedule = "cosine",
        optimizer: optimization.Optimizer = "adamw",
        betas: optimization.Betas = (0.9, 0.999),
        bytes_per_token: float | None = None,
    ) -> None:
        super().__init__()
        known = given_network.names_of(backbone, tokenizer)
        given = {"backbone": backbone, "tokenizer": tokenizer}
        self.save_hyperparameters(ignore=[n for n in given if not isinstance(given[n], str | None)])
        self.hparams.update(to_builtin({**self.hparams, **known}))
        self.tokenizer = load_tokenizer(known["tokenizer"])
        self.model = network_checks.build(self)
        self.origin = architectures.origin(self)
        watch(self)
        self.accumulation = TokenWeightedAccumulation()
        self.param_group_fn: Callable[[list[dict]], list[dict]] | None = None  # set by a callback
        self.trainable = frozenset(n for n, p in self.named_parameters() if p.requires_grad)

    def build(self) -> PreTrainedModel:
        """Build the network: a new one, or pretrained weights to go on from."""
        return architectures.build(self)

    def max_positions(self) -> int:
        """Return the tokens of the longest row, with the special tokens that are added."""
        return self.hparams["row_tokens"] + 3 * self.add_special_tokens

    def export_model(self) -> PreTrainedModel:
        """Return the network to export, for fine-tuning to load."""
        return merged(self.model)

    def configure_data(self, data: CorpusData) -> None:
        """Have the data module serve the rows that the objective needs, before its ``setup``."""
        data.match_objective(self.row_kind)

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> Example:
        """Make the objective's example of clean rows, on their device; draw from ``generator``.

        The example must hold ``targets`` or ``attention_mask``; see :class:`Example`.
        """
        raise ValueError(f"{type(self).__name__}: must override corrupt(batch, generator)")

    def losses(self, example: Any) -> dict[str, Tensor]:
        """Compute scalars: those ending in _loss are summed by weight, the rest is only logged."""
        raise ValueError(f"{type(self).__name__}: must override losses(example)")

    def _step(self, batch: CorpusBatch, seed: int) -> tuple[dict[str, Tensor], Tensor | int]:
        example = self.corrupt(batch, torch.Generator(self.device).manual_seed(seed))
        name, count = type(self).__name__, num_targets(type(self).__name__, example)
        return sum_losses(name, self.losses(example), self.loss_weights, self.main_loss), count

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

    show_examples, show_guesses = example_views.show_examples, example_views.guesses  # to print
    setup, on_fit_start, on_validation_epoch_end = freeze_at_fit, begin_fit, log_perplexity
    configure_optimizers, layers = optimization.configure_optimizers, trained_layers
