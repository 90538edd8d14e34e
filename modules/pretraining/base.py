"""What every pre-training objective shares: all but what it does to clean text, and its losses."""

import inspect
import math
from typing import Any, ClassVar, Literal

import torch
from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from datamodules.batches import CorpusBatch
from datamodules.packaged import load_tokenizer
from modules import optimization
from modules.accumulation import Shares, guesses
from modules.finetuning.targets import trained_layers
from modules.linking import Link
from modules.pretraining import architectures
from modules.registry import Registered
from modules.tasks import to_builtin


class PretrainingModule(Registered, LightningModule):
    """A network trained on clean rows. An objective overrides corrupt and losses.

    Args:
        tokenizer: folder of the corpus's tokenizer; the data's on the command line.
        size: tiny | mini | small | base, or a config.json of transformers.
        family: of the network; the objective's own if not given.
        backbone: pretrained weights to go on from: minilm | smollm2, a hub id, or a folder.
        row_tokens: of the longest row; the data's on the command line.
        dropout: in place of all the architecture's rates.
        learning_rate: the highest of the schedule.
        embedding_rate: the same of the embeddings, as a multiple of learning_rate.
        weight_decay: of matrices; vectors never decay.
        warmup: share of all steps over which the learning rate rises.
        schedule: linear and cosine fall to 0 after the warm-up, constant stays.
        bytes_per_token: of the validation text; the data's on the command line.
    """

    trains: ClassVar[bool] = True
    final_split: ClassVar[Literal["val", "test"]] = "val"  # a corpus has no rows for a test
    default_task: ClassVar[str | None] = None  # the objective is all there is to do
    links: ClassVar[tuple[Link, ...]] = (
        Link("data.row_tokens", "model.row_tokens"),
        Link("data.tokenizer", "model.tokenizer", built=True),
        Link("data.bytes_per_token", "model.bytes_per_token", built=True),
    )
    family_of_objective = "modernbert"
    auto_class = "AutoModelForMaskedLM"
    needs: tuple[str, ...] = ()  # special tokens, as the tokenizer names them
    framed = True  # rows stand between [CLS] and [SEP], as the fine-tuned texts will
    rows: str | None = None  # the kind of the corpus's rows that it needs
    main_loss: str  # the name of the loss that perplexity is of
    weights: dict[str, float] = {}  # of losses in the sum; 1 where not named
    monitor, mode = "val/loss", "min"

    def __init__(
        self,
        tokenizer: str,
        size: str = "mini",
        family: str | None = None,
        backbone: str | None = None,
        row_tokens: int = 128,
        dropout: ClosedUnitInterval = 0.0,
        learning_rate: PositiveFloat = 2e-3,
        embedding_rate: PositiveFloat = 3.0,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: ClosedUnitInterval = 0.06,
        schedule: optimization.Schedule = "cosine",
        bytes_per_token: float | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.hparams.update(to_builtin(dict(self.hparams)))
        self.tokenizer = load_tokenizer(tokenizer)
        architectures.require(self.tokenizer, self.needs, type(self).__name__)
        self.model = self.build().train()
        self._takes = inspect.signature(self.model.forward).parameters
        self.shares, self.regroup = Shares(), None  # the latter is set by a callback
        self.trainable = frozenset(n for n, p in self.named_parameters() if p.requires_grad)

    def build(self) -> nn.Module:
        """The network: new, or pretrained weights to go on from."""
        if (backbone := self.hparams["backbone"]) is None:
            return architectures.new(self.auto_class, self.config())
        settings = (self.tokenizer, self.longest(), self.hparams["dropout"])
        return architectures.pretrained(self.auto_class, backbone, *settings)

    @property
    def origin(self) -> str:
        """What the network was before, for people to read."""
        made = f"a new {self.model.config.model_type} ({self.hparams['size']})"
        return self.hparams["backbone"] or made

    def config(self, smaller: bool = False) -> Any:
        family = self.hparams["family"] or self.family_of_objective
        settings = (self.tokenizer, self.longest(), self.hparams["dropout"], smaller)
        return architectures.config(family, self.hparams["size"], *settings)

    def longest(self) -> int:
        """Tokens of the longest row, with what the objective adds."""
        return self.hparams["row_tokens"] + 3 * self.framed

    def kept(self) -> nn.Module:
        """What is exported, for fine-tuning to load."""
        return self.model

    def accepted(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Those that the architecture takes: not every one tells segments apart by type."""
        return {name: value for name, value in inputs.items() if name in self._takes}

    def configure_data(self, data: Any) -> None:
        """Have the data module serve the rows that the objective needs, before its ``setup``."""
        data.suit(self.rows)

    def check_data(self, data: Any) -> None:
        """Refuse data that do not fit, after their ``setup``; a corpus fits every objective."""

    def prompt_description(self) -> str:
        """A pre-trained network gets no prompt."""
        return ""

    def corrupt(self, batch: CorpusBatch, generator: torch.Generator) -> dict[str, Tensor]:
        """What the objective makes of clean rows, on their device; it draws from ``generator``."""
        raise NotImplementedError

    def losses(self, example: dict[str, Tensor]) -> dict[str, Tensor]:
        """Scalars: what ends in _loss is summed by weight, the rest is only logged."""
        raise NotImplementedError

    def _step(self, batch: CorpusBatch, seed: int) -> tuple[dict[str, Tensor], Tensor | int]:
        example = self.corrupt(batch, torch.Generator(self.device).manual_seed(seed))
        out = self.losses(example)
        parts = [self.weights.get(k, 1.0) * v for k, v in out.items() if k.endswith("_loss")]
        return {"loss": torch.stack(parts).sum(), **out}, guesses(example)

    def training_step(self, batch: CorpusBatch, batch_idx: int) -> Tensor:
        out, size = self._step(
            batch, int(torch.randint(2**62, ()))
        )  # StepSeed's, so that it resumes
        self.log_dict({f"train/{k}": v.detach() for k, v in out.items()}, True, batch_size=1)
        return self.shares.weigh(self, out["loss"], size)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.shares.settle(self)

    def validation_step(self, batch: CorpusBatch, batch_idx: int) -> None:
        # The same draws at every validation, so that curves compare.
        out, size = self._step(batch, batch_idx * self.trainer.world_size + self.global_rank)
        logged = {f"val/{name}": value for name, value in out.items()}
        weight = int(size) * self.trainer.world_size  # Lightning rounds the mean of the devices'
        self.log_dict(logged, batch_size=weight, on_epoch=True, sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        """Perplexity, and of an autoregressive model bits per byte, from the mean loss."""
        if (loss := self.trainer.callback_metrics.get(f"val/{self.main_loss}")) is not None:
            self.log("val/perplexity", loss.exp())
            if self.main_loss == "causal_loss" and (size := self.hparams["bytes_per_token"]):
                self.log("val/bits_per_byte", loss / math.log(2) / size)

    def layers(self) -> dict[str, list[nn.Parameter]]:
        """What trains, by depth; what stands beside the network is its head."""
        found = trained_layers(self.model, dict(self.model.named_parameters()))
        inside = {id(parameter) for parameter in self.model.parameters()}
        if beside := [p for p in self.parameters() if id(p) not in inside]:
            found["head"] = [*found.get("head", []), *beside]
        return found

    def configure_optimizers(self) -> dict[str, Any]:
        return optimization.configure(self)
