"""Throughput of a run: parameters, tokens per second, seconds and memory."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

try:
    import resource
except ImportError:  # Windows
    resource = None


class ThroughputMonitor(Callback):
    """Counts tokens and training time without validation; survives a resume.

    Where nothing trains, validation and test are counted. A module that makes longer rows of a
    batch says so with ``num_input_tokens(lengths)``.
    """

    def __init__(self) -> None:
        self.tokens, self.seconds = 0, 0.0
        self.parameters = {"trainable": 0, "total": 0}
        self.first_batch_at: float | None = None
        self._since = self._rate = 0.0
        self._before = 0.0  # seconds of the processes that this run was resumed from
        self._device = torch.device("cpu")
        self._pending: torch.Tensor | int = 0
        self._sum: Callable[[torch.Tensor | int], torch.Tensor | int] = lambda count: count

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer, pl_module)

    def _begin(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._device = trainer.strategy.root_device
        self.parameters = parameter_counts(pl_module)
        if trainer.world_size > 1:
            self._sum = lambda count: trainer.strategy.reduce(
                torch.as_tensor(count, device=self._device), reduce_op="sum"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter()  # a resumed epoch has no start

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.first_batch_at is None:
            self.first_batch_at = process_age()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter()
        if _nothing_trains(pl_module):
            self._count()

    on_test_end = on_validation_end

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._add(pl_module, batch)
        if not self._rate or trainer.global_step % (trainer.log_every_n_steps or 50) == 0:
            self._count()
            self._rate = self.rate()
        pl_module.log("tokens_per_second", self._rate, prog_bar=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._count()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if _nothing_trains(pl_module):
            self._begin(trainer, pl_module)
            self._since = time.perf_counter()

    on_test_start = on_validation_start

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any, **__: Any
    ) -> None:
        if _nothing_trains(pl_module) and self.first_batch_at is None:
            self.first_batch_at = process_age()

    on_test_batch_start = on_validation_batch_start

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if _nothing_trains(pl_module):
            self._add(pl_module, batch)

    on_test_batch_end = on_validation_batch_end

    def _add(self, pl_module: LightningModule, batch: Any) -> None:
        self._pending = self._pending + num_batch_tokens(pl_module, batch)
        now = time.perf_counter()  # nothing has left the device
        self.seconds += now - self._since
        self._since = now

    def _count(self) -> None:
        """Add up the tokens of all devices, which wait for one another."""
        self.tokens += int(self._sum(self._pending))
        self._pending = 0

    def rate(self) -> float:
        """Return the tokens per second since the run began."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def elapsed(self) -> float:
        """Return the seconds since the process began, and those of the parts before a resume."""
        return self._before + process_age()

    def summary(self) -> dict[str, Any]:
        """Return the measures by name.

        ``parameters`` are trainable and total, ``tokens`` those that are not padding.
        ``first_batch_at`` is the age of this process, in seconds, when it came to its first batch.
        ``peak_memory_bytes`` is that of the GPU's allocator if there is one, else of the process.
        """
        return {
            "parameters": self.parameters,
            "tokens": self.tokens,
            "tokens_per_second": round(self.rate(), 1),
            "training_seconds": round(self.seconds, 2),
            "first_batch_at": self.first_batch_at,
            "peak_memory_bytes": peak_memory(self._device),
        }

    def state_dict(self) -> dict[str, float]:
        self._count()
        return {"tokens": self.tokens, "seconds": self.seconds, "elapsed": self.elapsed()}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.tokens, self.seconds = state_dict["tokens"], state_dict["seconds"]
        self._before = state_dict["elapsed"]


def _nothing_trains(pl_module: LightningModule) -> bool:
    """Tell whether nothing trains in the module."""
    return not any(parameter.requires_grad for parameter in pl_module.parameters())


def num_batch_tokens(module: LightningModule, batch: Any) -> torch.Tensor:
    """Count the tokens of a batch that are not padding, with those that the module adds.

    Returns:
        A scalar on the batch's device.

    Raises:
        ValueError: If the batch does not tell its tokens.
    """
    if not (isinstance(batch, Mapping) and "attention_mask" in batch):
        raise ValueError(
            f"ThroughputMonitor and MFUMonitor count tokens by a batch's attention_mask, and this "
            f"batch is a {type(batch).__name__} without one; leave them out"
        )
    num_input_tokens = getattr(module, "num_input_tokens", lambda lengths: lengths)
    return num_input_tokens(batch["attention_mask"].sum(1)).sum()


def parameter_counts(module: LightningModule) -> dict[str, int]:
    """Count the parameters of a module: trainable and total."""
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    # Quantised matrices are frozen, and no parameters any more: their layers know the number.
    packed = sum(getattr(part, "num_packed_weights", 0) for part in module.modules())
    return {
        "trainable": sum(size for size, trains in sizes if trains),
        "total": sum(size for size, _ in sizes) + packed,
    }


def peak_memory(device: torch.device) -> int:
    """Return the most memory used so far, in bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if resource is None:
        memory = psutil.Process().memory_info()
        return getattr(memory, "peak_wset", memory.rss)  # only Windows has the first
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def process_age() -> float:
    """Return the seconds since this process began, also if the clock was set meanwhile."""
    return _age + time.monotonic() - _read


def _begin_again() -> None:
    """Begin to count: a fork has the variables of its parent."""
    global _age, _read
    _age, _read = 0.0, time.monotonic()


_age, _read = max(0.0, time.time() - psutil.Process().create_time()), time.monotonic()
if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_begin_again)
