"""Clocks of the steps of a training: our Trainer's, transformers' and a bare loop's."""

import argparse
import math
import statistics
import time
from typing import Any

import torch
import transformers
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from callbacks import mfu
from callbacks.throughput import num_batch_tokens
from experiments.benchmarks.harness import Column, Measured
from experiments.benchmarks.timing import device, now
from modules.kernels import native_bf16, trainer_precision

# Of the tokens, which the output layer runs on.
SCORED = {"clm": 1.0, "mlm": 0.15, "wwm": 0.15, "plm": 1 / 6}
COLUMNS = [
    Column("rate", "tokens/s", "{:,.0f}", "more"),
    Column("work", "tokens per processor second", "{:,.0f}", "more"),
    Column("busy", "processor s per s", "{:.2f}"),
    Column("mfu", "MFU, %"),
    Column("bf16", "bf16 product, GFLOP/s", "{:,.0f}"),
    Column("fp32", "fp32 product, GFLOP/s", "{:,.0f}"),
    Column("first", "first steps, s"),
    Column("loss", "loss of the last 10 steps", "{:.3f}"),
    Column("memory", "peak memory, GiB", "{:.2f}"),
]


class Clock:
    """Seconds from step ``first`` to step ``last``, with the device's queue empty at both.

    Processor seconds are those of all threads of the process. The time before ``first`` holds the
    compilation of kernels.
    """

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.times: dict[int, tuple[float, float]] = {}
        self.losses: list[float] = []
        self.tokens: Any = 0  # of the timed steps, where they are counted

    def tick(self, step: int) -> None:
        """Notes the time after a step; 0 is before the first."""
        if step in (0, self.first, self.last):
            self.times[step] = now(), time.process_time()

    def keep(self, step: int, loss: Any) -> None:
        """Keeps the loss of one of the last ten steps."""
        if step > self.last - 10:
            self.losses.append(float(loss))

    def count(self, step: int, tokens: Any) -> None:
        """Counts the tokens of a step; nothing leaves the device."""
        if self.first < step <= self.last:
            self.tokens = self.tokens + tokens

    def measured(self, asked: argparse.Namespace, network: Any = None) -> Measured:
        """The measures of a contestant; those of its FLOPs where its network is known."""
        began, ended = self.times[self.first], self.times[self.last]
        seconds, spent = ended[0] - began[0], ended[1] - began[1]
        tokens = int(self.tokens) or asked.steps * asked.batch * asked.tokens
        found = {"rate": tokens / seconds, "work": tokens / spent, "busy": spent / seconds}
        found |= {"first": began[0] - self.times[0][0], "loss": statistics.mean(self.losses)}
        if network is not None and (peak := mfu.peak_flops(device(), trainer_precision())):
            used = flops_per_token(network, asked.tokens, SCORED[asked.objective])
            found["mfu"] = 100 * found["rate"] * used / peak
            if native_bf16():
                found["bf16"] = peak / 1e9
        if network is not None and device().type == "cpu":
            found["fp32"] = mfu.measured_peak(torch.float32, torch.get_num_threads()) / 1e9
        return found


class OurClock(Callback):
    """Ticks with Lightning's steps.

    Args:
        clock: The clock.
        counted: The module whose tokens are counted, where batches have different numbers.
    """

    def __init__(self, clock: Clock, counted: Any = None) -> None:
        self.clock, self.counted = clock, counted

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        self.clock.tick(0)

    def on_train_batch_end(
        self, trainer: Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.counted is not None:
            self.clock.count(trainer.global_step, num_batch_tokens(self.counted, batch))
        self.clock.tick(trainer.global_step)
        self.clock.keep(trainer.global_step, outputs["loss"])


class TheirClock(transformers.TrainerCallback):
    """Ticks with the steps of transformers' Trainer."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.tick(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.tick(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict, **_: Any) -> None:
        if state.global_step == self.clock.last and "loss" in logs:  # the mean of ten steps
            self.clock.losses = [float(logs["loss"])]


def their_arguments(
    folder: str, asked: argparse.Namespace, clock: Clock, **settings: Any
) -> transformers.TrainingArguments:
    """Settings with which transformers' Trainer trains as long as a clock runs, in our precision.

    Args:
        folder: The folder that it may write to.
        asked: The rows of a batch, and the processes that load them.
        clock: The clock.
        settings: Those of the contest.
    """
    return quiet_arguments(
        folder,
        max_steps=clock.last,
        per_device_train_batch_size=asked.batch,
        bf16=native_bf16(),
        optim="adamw_torch_fused",
        logging_steps=math.gcd(10, clock.last),  # it logs after the last step, too
        dataloader_num_workers=asked.workers,
        seed=0,
        **settings,
    )


def quiet_arguments(folder: str, **settings: Any) -> transformers.TrainingArguments:
    """Settings of transformers' Trainer on this device, which saves, reports and draws nothing."""
    return transformers.TrainingArguments(
        folder,
        use_cpu=device().type == "cpu",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **settings,
    )


def flops_per_token(network: Any, tokens: int, scored: float) -> float:
    """FLOPs of a token: 6 for each weight, and attention (Chowdhery et al. 2022, appendix B).

    Args:
        network: A language model of transformers.
        tokens: The tokens of a row.
        scored: The share of the tokens that the output layer runs on. The table of the embeddings,
            which is looked up and not multiplied, counts only as that layer.
    """
    config = network.config
    tables = {network.get_input_embeddings().weight, network.get_output_embeddings().weight}
    tables |= {p for n, p in network.named_parameters() if "wpe" in n or "position_emb" in n}
    weights = sum(p.numel() for p in network.parameters()) - sum(p.numel() for p in tables)
    weights += scored * network.get_output_embeddings().weight.numel()
    return 6 * weights + 12 * config.num_hidden_layers * config.hidden_size * tokens
