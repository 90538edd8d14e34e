"""Where compilation is possible, and where it has been measured to pay."""

import importlib.util
import math
import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import torch

from modules.kernels import native_bf16

_SIZE_OF_STEP = 6  # FLOPs of a weight for each token, forward and backward


class Gain(NamedTuple):
    """What compilation has been measured to spare on two cores of a Xeon with AMX.

    Attributes:
        spared: The share of a step's time, the least of the sizes tiny and mini.
        flops: The FLOP/s of a step as it is.
        seconds: The longest time until the compiled network runs, with an empty cache.
    """

    spared: float
    flops: float = 2e11
    seconds: float = 25.0


# Where ``auto`` compiles: by the module's class and the family of its network. LoRA and the other
# strategies are not here: their batches have too many shapes, and their figures would change. Nor
# are machines without bf16 in hardware: in fp32 most of a step are matrix products, which stay as
# they are, and the size mini was no faster on two cores of an EPYC.
GAINS = {
    ("MaskedLM", "modernbert"): Gain(0.16),
    ("CausalLM", "modernbert-decoder"): Gain(0.10),
}


def obstacle(device: torch.device) -> str:
    """Return what torch.compile lacks on a device, and what to do; empty where it can work."""
    if device.type == "cuda":
        if importlib.util.find_spec("triton") is None:
            return "needs the package triton: pip install triton"
        compiler = os.environ.get("CC") or "gcc"
    else:
        usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
        compiler = os.environ.get("CXX") or usual
    if shutil.which(compiler) is None:
        name = "CC" if device.type == "cuda" else "CXX"
        return (
            f"needs a compiler, and there is no {compiler}: install it, or name another in {name}"
        )
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "needs Python's header files (Python.h): install python3-dev"
    return ""


def fixed_batch_tokens(data: Any) -> int:
    """Return the tokens of a data module's batches; 0 where rows or batches have no fixed size."""
    return (getattr(data, "batch_size", 0) or 0) * (getattr(data, "row_tokens", 0) or 0)


def num_batches(trainer: Any, epoch: float) -> float:
    """Return the training batches of a run: 0 on several devices, where no gain was measured.

    Args:
        trainer: The Trainer.
        epoch: The batches of an epoch; 0 if they are not known.
    """
    if trainer.world_size > 1:
        return 0
    epochs = math.inf if trainer.max_epochs in (None, -1) else trainer.max_epochs
    steps = math.inf if trainer.max_steps == -1 else trainer.max_steps
    most = epochs * epoch if epoch else 0
    return min(most, steps * trainer.accumulate_grad_batches)


def num_steps_to_pay(module: Any, tokens: int) -> float:
    """Return the number of batches after which compilation has paid for itself, as measured.

    Args:
        module: A module with a network; infinity where its kind, or the machine's, gains nothing.
        tokens: The number of tokens of a batch.
    """
    network: Any = getattr(module, "model", None)
    family = getattr(getattr(network, "config", None), "model_type", "")
    gain = GAINS.get((type(module).__name__, family))
    if gain is None or not native_bf16():
        return float("inf")
    weights = sum(p.numel() for p in module.parameters())
    weights -= network.get_input_embeddings().weight.numel()
    return gain.seconds / gain.spared / (_SIZE_OF_STEP * weights * tokens / gain.flops)
