"""Tools that contestants share: commands and their results, our Trainer, clocks and devices."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:  # they take seconds that not every contestant needs
    import torch
    from lightning.pytorch import Trainer

EXPERIMENTS = Path(__file__).parents[1]
SCRIPT = EXPERIMENTS / "lora_sst2.py"


def output_of(who: str, *words: str, refusal: bool = False) -> str:
    """Runs Python with these words and returns its output.

    Args:
        who: The name that an error begins with.
        words: The words.
        refusal: Whether exit code 2, of a command line with a mistake, is no failure.

    Raises:
        ValueError: If it fails; the message holds its last line.
    """
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if done.returncode not in ((0, 2) if refusal else (0,)):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ValueError(f"{who} failed: {last}")
    return done.stdout


def result_of(script: Path, *flags: str) -> dict[str, Any]:
    """The result.json of a tracked run."""
    with tempfile.TemporaryDirectory() as folder:
        words = [str(script), "--output", folder, "--tracking.mode", "offline", *flags]
        output_of(script.name, *words)
        return json.loads(next(Path(folder).glob("*/*/result.json")).read_text(encoding="utf-8"))


def elapsed() -> float:
    """The seconds since this process began."""
    return time.time() - psutil.Process().create_time()


def device() -> "torch.device":
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def titled(title: str) -> str:
    """A contest's title on this machine: figures in fp32 stand apart from those in bf16."""
    from modules.kernels import native_bf16

    return title if native_bf16() else f"{title}, fp32"


def now() -> float:
    """The seconds of a clock, read when the device's queue is empty."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def our_trainer(**settings: Any) -> "Trainer":
    """A Trainer like that of experiments, which trains and does nothing else."""
    from lightning.pytorch import Trainer

    return Trainer(
        gradient_clip_val=1.0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        **settings,
    )
