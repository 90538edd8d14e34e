"""How fast is pre-training, compared with the Hugging Face Trainer?

    python -m experiments.benchmarks.pretraining --corpus data/imdb --objective mlm
    python -m experiments.benchmarks.pretraining --corpus data/imdb --size gpt2 --tokens 1024

Both train the same network on the same rows with the same optimizer and precision. The Trainer
corrupts with transformers' own collators. The first steps of each are not timed. ``--size gpt2`` is
GPT-2 of 124 M parameters with its own vocabulary, whatever the corpus's is. Needs neither W&B nor
`datasets`.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import transformers
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger

from callbacks import StepSeed, StopOnNaN, ThroughputMonitor, mfu
from datamodules import Corpus
from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.timing import device, now, our_trainer
from modules import CausalLM, MaskedLM, PermutationLM
from modules.pretraining.base import PretrainingModule

OBJECTIVES = {"clm": CausalLM, "mlm": MaskedLM, "wwm": MaskedLM, "plm": PermutationLM}
RATE = 6e-4


class Clock:
    """Seconds from step ``first`` to step ``last``, with the device's queue empty at both."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.times: dict[int, float] = {}
        self.losses: list[float] = []

    def tick(self, step: int) -> None:
        if step in (self.first, self.last):
            self.times[step] = now()

    def measured(self, asked: argparse.Namespace, network: Any) -> Measured:
        seconds = self.times[self.last] - self.times[self.first]
        rate = asked.steps * asked.batch * asked.tokens / seconds
        found = {"rate": rate, "loss": statistics.mean(self.losses)}
        if peak := mfu.peak_flops(device(), "bf16-mixed"):
            found["mfu"] = 100 * rate * flops_per_token(network, asked.tokens) / peak
        return found


class OurClock(Callback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *_: Any) -> None:
        self.clock.tick(trainer.global_step)
        if trainer.global_step > self.clock.last - 10:
            self.clock.losses.append(float(outputs["loss"]))


class TheirClock(transformers.TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.clock.tick(state.global_step)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict, **_: Any) -> None:
        if state.global_step == self.clock.last and "loss" in logs:  # the mean of ten steps
            self.clock.losses = [float(logs["loss"])]


def flops_per_token(network: Any, tokens: int) -> float:
    """FLOPs of a token: 6 for each weight, and attention (Chowdhery et al. 2022, appendix B)."""
    config = network.config
    places = [p for n, p in network.named_parameters() if "wpe" in n or "position_emb" in n]
    weights = sum(p.numel() for p in network.parameters()) - sum(p.numel() for p in places)
    return 6 * weights + 12 * config.num_hidden_layers * config.hidden_size * tokens


def data_of(asked: argparse.Namespace) -> Corpus:
    data = Corpus(asked.corpus, asked.tokens, asked.batch, rows="dense", workers=asked.workers)
    data.setup("fit")
    return data


@contextmanager
def module_of(asked: argparse.Namespace, data: Corpus) -> Iterator[PretrainingModule]:
    lightning.seed_everything(0, verbose=False)
    options: dict[str, Any] = {"size": asked.size}
    with tempfile.TemporaryDirectory() as folder:
        if asked.size == "gpt2":
            config = transformers.GPT2Config(n_positions=asked.tokens, attn_pdrop=0.0)
            options = {"family": "gpt2", "size": str(Path(folder) / "config.json")}
            config.to_json_file(options["size"], use_diff=False)
        if asked.objective == "wwm":
            options["unit"] = "word"
        yield OBJECTIVES[asked.objective](
            tokenizer=data.tokenizer,
            row_tokens=asked.tokens,
            learning_rate=RATE,
            embedding_lr_multiplier=1.0,
            weight_decay=0.1,
            **options,
        )


def ours(asked: argparse.Namespace) -> Measured:
    data, clock = data_of(asked), Clock(asked.warmup, asked.warmup + asked.steps)
    with module_of(asked, data) as module, tempfile.TemporaryDirectory() as folder:
        our_trainer(
            max_steps=clock.last,
            precision="bf16-mixed",
            callbacks=[StepSeed(0), ThroughputMonitor(), StopOnNaN(), OurClock(clock)],
            logger=CSVLogger(folder),
            log_every_n_steps=10,
        ).fit(module, data)
        return clock.measured(asked, module.model)


def collator_of(asked: argparse.Namespace, tokenizer: Any) -> Any:
    """The collator with which transformers corrupts."""
    if asked.objective == "plm":
        return transformers.DataCollatorForPermutationLanguageModeling(tokenizer)
    if asked.objective == "clm":
        return transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
    whole = asked.objective == "wwm"
    return transformers.DataCollatorForLanguageModeling(tokenizer, whole_word_mask=whole)


def rows_of(asked: argparse.Namespace, data: Corpus, tokenizer: Any, count: int) -> list[dict]:
    """The rows for the collators, with special tokens if the network is an encoder."""
    rows, found = data._rows["train"], []
    for start in range(0, asked.tokens * min(count, len(rows) - 1), asked.tokens):
        ids = rows.stream.read(start, start + asked.tokens).tolist()
        if asked.objective != "clm":
            ids = [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
        row: dict[str, list] = {"input_ids": ids}
        if asked.objective == "wwm":
            row["special_tokens_mask"] = [int(n in tokenizer.all_special_ids) for n in ids]
            row["offset_mapping"] = offsets(tokenizer, ids)
        found.append(row)
    return found


def offsets(tokenizer: Any, ids: list[int]) -> list[tuple[int, int]]:
    """The places of tokens in the text, as from the tokenizer: one character between words."""
    place, found = 0, []
    for piece in tokenizer.convert_ids_to_tokens(ids):
        joined = piece.startswith("##")
        place += not joined
        found.append((place, place + len(piece.removeprefix("##"))))
        place = found[-1][1]
    return found


def theirs(asked: argparse.Namespace) -> Measured:
    data, clock = data_of(asked), Clock(asked.warmup, asked.warmup + asked.steps)
    with module_of(asked, data) as module, tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            max_steps=clock.last,
            per_device_train_batch_size=asked.batch,
            learning_rate=RATE,
            weight_decay=0.1,
            lr_scheduler_type="cosine",
            warmup_steps=round(0.06 * clock.last),
            bf16=True,
            use_cpu=device().type == "cpu",
            optim="adamw_torch_fused",
            logging_steps=10,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_num_workers=asked.workers,
            seed=0,
        )
        transformers.Trainer(
            module.model,
            arguments,
            data_collator=collator_of(asked, module.tokenizer),
            train_dataset=rows_of(asked, data, module.tokenizer, clock.last * asked.batch),
            callbacks=[TheirClock(clock)],
        ).train()
        return clock.measured(asked, module.model)


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--corpus", required=True, help="Folder of prepare_corpus.py")
    parser.add_argument(
        "--objective", choices=list(OBJECTIVES), default="clm", help="Objective (clm)"
    )
    parser.add_argument(
        "--size", default="mini", help="Size of the network: tiny, mini, small, base, gpt2 (mini)"
    )
    parser.add_argument("--tokens", type=int, default=128, help="Tokens of a row (128)")
    parser.add_argument("--batch", type=int, default=32, help="Rows of a step (32)")
    parser.add_argument("--steps", type=int, default=60, help="Timed steps of a run (60)")
    parser.add_argument("--warmup", type=int, default=10, help="Steps before the timed ones (10)")
    parser.add_argument("--workers", type=int, default=0, help="Processes that load rows (0)")


COLUMNS = [
    Column("rate", "tokens/s", "{:,.0f}", "more"),
    Column("mfu", "MFU, %"),
    Column("loss", "loss of the last 10 steps", "{:.3f}"),
    Column("memory", "peak memory, GiB", "{:.2f}"),
]

if __name__ == "__main__":
    title = "Pre-training: {objective}, {size}, rows of {tokens}"
    run_contest("pretraining", title, __doc__, {"Pretune": ours, "Trainer": theirs}, COLUMNS, flags)
