"""Model FLOPs utilisation (MFU): the share of a device's arithmetic that a run uses."""

import functools
import re
import time
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.flop_counter import FlopCounterMode

from callbacks.throughput import num_batch_tokens

# Dense bf16 and fp16 with fp32 sums, in TFLOP/s, from NVIDIA's data sheets. The name is the
# device's whole name but for the maker, the memory and the connector.
PEAKS = {
    "B200": 2250,
    "H200": 989,
    "H200 NVL": 835,
    "GH200": 989,
    "H100": 989,
    "H100 PCIE": 756,
    "H100 NVL": 835,
    "A100": 312,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "A10": 125,
    "RTX 4090": 165,
    "RTX 3090": 71,
}
_NO_VARIANT = r"NVIDIA|GEFORCE|SXM\d*|PCIE|\d+GB|HBM3E?"
_DTYPES = {"bf16": torch.bfloat16, "16": torch.float16, "64": torch.float64}  # of matrix products
# The matrices whose products measure a CPU: their side, how many, and the time after the last one.
_SIDE, _REPEATS, _SECONDS = 1024, 6, 0.3


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Return the FLOP/s of a device at a Trainer's precision; None where they are not known.

    A CPU's are measured, see :func:`measured_peak`. A part of a GPU (MIG), and a variant such as a
    laptop's, are not known.
    """
    if device.type == "cpu":
        dtype = _DTYPES.get(precision.partition("-")[0], torch.float32)
        return measured_peak(dtype, torch.get_num_threads())
    if device.type != "cuda" or not precision.startswith(("bf16", "16")):
        return None
    words = re.split(r"[\s-]+", torch.cuda.get_device_name(device).upper())
    # An H100 with a PCIe connector has fewer cores; other devices are the same with each connector.
    pcie = ["PCIE"] if "H100" in words and "PCIE" in words else []
    kept = [word for word in words if not re.fullmatch(_NO_VARIANT, word)]
    peak = PEAKS.get(" ".join(kept + pcie))
    return None if peak is None else 1e12 * peak


@functools.cache
def measured_peak(dtype: torch.dtype, threads: int) -> float:
    """Measure the FLOP/s of this process's threads: the best of a few products of matrices.

    Data sheets do not tell those of a share of a CPU, as a container or a virtual machine has it.

    Args:
        dtype: Of the matrices.
        threads: The number of threads in use, for each of which it is measured once.
    """
    left, right = torch.ones(2, _SIDE, _SIDE, dtype=dtype)  # draws would change the run's
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        times: list[float] = []
        while len(times) < _REPEATS and sum(times) < _SECONDS:
            began = time.perf_counter()
            torch.mm(left, right)  # its kernel is compiled in the first
            times.append(time.perf_counter() - began)
    return 2 * _SIDE**3 / min(times)


class MFUMonitor(Callback):
    """Logs ``mfu`` as the PaLM report defines it (Chowdhery et al. 2022, appendix B).

    FLOPs per token are those of the matrix products and attention kernels of the process's first
    step, forward and backward, as torch counts them; recomputation would count twice. The peak of
    a CPU is measured where the training starts. Where the peak of the device is not known, nothing
    is counted or logged.

    Args:
        rate: Returns the tokens per second of all devices.
    """

    def __init__(self, rate: Callable[[], float]) -> None:
        self.rate = rate
        self.flops_per_token: float | None = None
        self._peak: float | None = None
        self._counter: FlopCounterMode | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        peak = peak_flops(trainer.strategy.root_device, str(trainer.precision))
        self._peak = peak and peak * trainer.world_size

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._peak and self.flops_per_token is None:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._counter is not None:
            counter, self._counter = self._counter, None
            counter.__exit__(None, None, None)
            tokens = int(num_batch_tokens(pl_module, batch))
            self.flops_per_token = counter.get_total_flops() / tokens
        if self._peak:
            pl_module.log("mfu", self.mfu(), prog_bar=True)

    def mfu(self) -> float | None:
        """Return the share of the peak since the run began; None where it is not known."""
        if not self._peak or self.flops_per_token is None:
            return None
        return self.rate() * self.flops_per_token / self._peak

    def state_dict(self) -> dict[str, float]:
        """Return the FLOPs, which a resumed run need not count: its first step is as any other."""
        return {} if self.flops_per_token is None else {"flops_per_token": self.flops_per_token}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.flops_per_token = state_dict["flops_per_token"]

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._counter = None
