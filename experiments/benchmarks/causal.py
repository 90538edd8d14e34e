"""How fast is CausalLM beside the Hugging Face Trainer: same model, rows, optimizer, precision?

    python -m experiments.benchmarks.causal --corpus data/imdb
    python -m experiments.benchmarks.causal --corpus data/imdb --size mini --tokens 128 --batch 16

The network is GPT-2's, of 124 M parameters unless --size names another, on dense rows. Both train
in turn in this process, so often as --repeats says; the first steps of each are not timed. Ends
with medians, the ratio and its spread. Needs neither W&B nor `datasets`.
"""

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
import transformers
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from callbacks import StepSeed, utilization
from datamodules import Corpus
from experiments.tracking.place import git_commit
from modules import CausalLM, backbones


class Clock:
    """Seconds from step ``first`` to step ``last``, with the device's queue empty at both."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.times: dict[int, float] = {}

    def tick(self, step: int) -> None:
        if step in (self.first, self.last):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times[step] = time.perf_counter()

    def rate(self, tokens_per_step: int) -> float:
        steps = self.last - self.first
        return steps * tokens_per_step / (self.times[self.last] - self.times[self.first])


class OurClock(Callback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.clock.tick(trainer.global_step)


class TheirClock(transformers.TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.tick(state.global_step)


def module_of(asked: argparse.Namespace, data: Corpus) -> CausalLM:
    lightning.seed_everything(0, verbose=False)
    return CausalLM(
        tokenizer=data.tokenizer,
        family="gpt2",
        size=asked.size,
        row_tokens=asked.tokens,
        learning_rate=6e-4,
        embedding_rate=1.0,
        weight_decay=0.1,
    )


def ours(asked: argparse.Namespace, data: Corpus, steps: int) -> float:
    clock = Clock(asked.warmup, steps)
    trainer = Trainer(
        max_steps=steps,
        precision="bf16-mixed",
        gradient_clip_val=1.0,
        callbacks=[StepSeed(0), OurClock(clock)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
    )
    trainer.fit(module_of(asked, data), data)
    return clock.rate(asked.batch * asked.tokens)


def theirs(asked: argparse.Namespace, data: Corpus, steps: int) -> float:
    clock, model = Clock(asked.warmup, steps), module_of(asked, data).model
    rows = data._rows["train"]
    ids = [torch.from_numpy(rows.split.read(a, a + asked.tokens)) for a in rows.starts[:-1]]
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=asked.batch,
            learning_rate=6e-4,
            weight_decay=0.1,
            lr_scheduler_type="cosine",
            warmup_steps=round(0.06 * steps),
            bf16=True,
            use_cpu=not torch.cuda.is_available(),
            optim="adamw_torch_fused",
            logging_steps=10,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_num_workers=asked.workers,
        )
        transformers.Trainer(
            model,
            settings,
            train_dataset=[{"input_ids": row, "labels": row} for row in ids],
            callbacks=[TheirClock(clock)],
        ).train()
    return clock.rate(asked.batch * asked.tokens)


def measured(run: Callable[..., float], *arguments: Any) -> tuple[float, int]:
    """Tokens per second and the peak of the GPU's memory in bytes."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    rate = run(*arguments)
    return rate, torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def flops_per_token(asked: argparse.Namespace, data: Corpus) -> float:
    """6 for each weight that multiplies, and attention (Chowdhery et al. 2022, appendix B)."""
    model = module_of(asked, data).model
    layers, width = model.config.n_layer, model.config.n_embd
    weights = sum(p.numel() for p in model.parameters()) - model.transformer.wpe.weight.numel()
    return 6 * weights + 12 * layers * width * asked.tokens


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", required=True, help="folder of prepare_corpus.py")
    parser.add_argument("--size", default="base", help="name or config.json (base: GPT-2's 124 M)")
    parser.add_argument("--tokens", type=int, default=1024, help="of a row (1024)")
    parser.add_argument("--batch", type=int, default=32, help="rows of a step (32)")
    parser.add_argument("--steps", type=int, default=60, help="timed steps of a run (60)")
    parser.add_argument("--warmup", type=int, default=10, help="steps before them (10)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (3)")
    parser.add_argument("--workers", type=int, default=2, help="processes that load rows (2)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.size == "base":  # with GPT-2's own vocabulary, whatever the corpus's is
            asked.size = str(Path(folder) / "config.json")
            config = transformers.GPT2Config(n_positions=asked.tokens, attn_pdrop=0.0)
            config.to_json_file(asked.size, use_diff=False)
        compare(asked)


def compare(asked: argparse.Namespace) -> None:
    data = Corpus(asked.corpus, asked.tokens, asked.batch, rows="dense", workers=asked.workers)
    data.setup("fit")
    steps, found = asked.warmup + asked.steps, {"Pretune": [], "Trainer": []}
    ways = {"Pretune": ours, "Trainer": theirs}
    for _ in range(asked.repeats):
        for name, run in ways.items():
            found[name].append(measured(run, asked, data, steps))
            print(f"{name:8} {found[name][-1][0]:>12,.0f} tokens/s", flush=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    peak = utilization.peak_flops(device, "bf16-mixed")
    for name, runs in found.items():
        rate = statistics.median(rate for rate, _ in runs)
        mfu = f", MFU {rate * flops_per_token(asked, data) / peak:.1%}" if peak else ""
        memory = max(memory for _, memory in runs) / 2**30
        print(f"{name}: {rate:,.0f} tokens/s{mfu}" + (f", {memory:.1f} GiB" if peak else ""))
    ratios = [a / b for (a, _), (b, _) in zip(*found.values(), strict=True)]
    name = torch.cuda.get_device_name() if peak else f"{torch.get_num_threads()} CPU threads"
    print(
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {name}, "
        f"attention {backbones.attention()}, commit {git_commit()}"
    )


if __name__ == "__main__":
    main()
