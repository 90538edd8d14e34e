"""How fast is pre-training, compared with the Hugging Face Trainer?

    python -m experiments.benchmarks.pretraining --corpus data/imdb --objective mlm
    python -m experiments.benchmarks.pretraining --corpus data/imdb --size gpt2 --tokens 1024

All train the same network on the same rows with the same optimizer and precision: bf16 where the
hardware multiplies it, else fp32. The bare loops train our module on our batches, with nothing
around it: the least that a step can take, as it is and compiled. The Trainer corrupts with
transformers' own collators. The first steps of each are not in its rate. Half of a small network's
time can be the output layer's, so ``--vocabulary`` gives it other numbers of pieces. Processor time
is that of the process: a busy machine changes it little. ``--size gpt2`` is GPT-2 of 124 M
parameters with its own vocabulary, whatever the corpus's is. Needs neither W&B nor `datasets`.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch
import transformers
from lightning.pytorch.loggers import CSVLogger

from callbacks import StepSeed, StopOnNaN, ThroughputMonitor
from datamodules import Corpus
from datamodules.shards import read_manifest
from experiments.benchmarks.clocks import COLUMNS, Clock, OurClock, TheirClock, their_arguments
from experiments.benchmarks.harness import Measured, run_contest
from experiments.benchmarks.timing import device, our_trainer, titled
from modules import CausalLM, MaskedLM, PermutationLM, optimization
from modules.compiling import Compiled
from modules.kernels import native_bf16, trainer_precision
from modules.pretraining.base import PretrainingModule

OBJECTIVES = {"clm": CausalLM, "mlm": MaskedLM, "wwm": MaskedLM, "plm": PermutationLM}
RATE, DECAY = 6e-4, 0.1


def vocabulary_of(asked: argparse.Namespace) -> int:
    """The entries of the network's output layer: as asked for, or as many as the corpus has."""
    if asked.vocabulary is not None:
        return asked.vocabulary
    if asked.size == "gpt2":
        return transformers.GPT2Config().vocab_size
    return read_manifest(Path(asked.corpus))["tokenizer"]["vocabulary"]


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
        module = OBJECTIVES[asked.objective](
            tokenizer=data.tokenizer,
            row_tokens=asked.tokens,
            learning_rate=RATE,
            embedding_lr_multiplier=1.0,
            weight_decay=DECAY,
            **options,
        )
        held, wanted = module.model.config.vocab_size, vocabulary_of(asked)
        if wanted < held:
            raise ValueError(
                f"--vocabulary {wanted}: the network has {held:,} pieces; at least that"
            )
        if wanted > held:
            module.model.resize_token_embeddings(wanted, mean_resizing=False)
        yield module


def ours(asked: argparse.Namespace, compiled: bool = False) -> Measured:
    data, clock = data_of(asked), Clock(asked.warmup, asked.warmup + asked.steps)
    with module_of(asked, data) as module, tempfile.TemporaryDirectory() as folder:
        more = [Compiled(True, after=0)] if compiled else []
        our_trainer(
            max_steps=clock.last,
            precision=trainer_precision(),
            callbacks=[StepSeed(0), ThroughputMonitor(), StopOnNaN(), *more, OurClock(clock)],
            logger=CSVLogger(folder),
            log_every_n_steps=10,
        ).fit(module, data)
        return clock.measured(asked, module.model)


def bare(asked: argparse.Namespace, compiled: bool = False) -> Measured:
    """Trains the same module on the same batches, with nothing around it."""
    data, clock = data_of(asked), Clock(asked.warmup, asked.warmup + asked.steps)
    with module_of(asked, data) as module:
        place, step, loader = device(), 0, data.train_dataloader()
        half = native_bf16()
        module.to(place).train()
        if compiled:
            Compiled(True, after=0).install(module)
        trained = [p for p in module.parameters() if p.requires_grad]
        optimizer = optimization.adamw(optimization.parameter_groups(module, DECAY), RATE)
        rates = optimization.lr_schedule(optimizer, "cosine", 0.06, clock.last)
        clock.tick(0)
        for epoch in itertools.count():
            loader.batch_sampler.set_epoch(epoch)
            for batch in loader:
                torch.manual_seed(step)  # as StepSeed does
                seed = int(torch.randint(2**62, ()))
                batch = module.transfer_batch_to_device(batch, place, 0)
                with torch.autocast(place.type, torch.bfloat16, enabled=half):
                    loss = module._step(batch, seed)[0]["loss"]
                loss.backward()
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                optimizer.zero_grad()
                rates.step()
                step += 1
                clock.tick(step)
                clock.keep(step, loss)
                if step == clock.last:
                    return clock.measured(asked, module.model)
    raise AssertionError  # the loop ends by its last step


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
        arguments = their_arguments(
            folder,
            asked,
            clock,
            learning_rate=RATE,
            weight_decay=DECAY,
            lr_scheduler_type="cosine",
            warmup_steps=round(0.06 * clock.last),
            remove_unused_columns=False,
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
    parser.add_argument(
        "--vocabulary", type=int, help="Pieces of the network, such as 4000 or 16000 (the corpus's)"
    )
    parser.add_argument("--tokens", type=int, default=128, help="Tokens of a row (128)")
    parser.add_argument("--batch", type=int, default=32, help="Rows of a step (32)")
    parser.add_argument("--steps", type=int, default=60, help="Timed steps of a run (60)")
    parser.add_argument("--warmup", type=int, default=10, help="Steps before the timed ones (10)")
    parser.add_argument("--workers", type=int, default=0, help="Processes that load rows (0)")


def title(asked: argparse.Namespace) -> str:
    lead = f"Pre-training: {asked.objective}, {asked.size}, {vocabulary_of(asked):,} pieces"
    return titled(f"{lead}, rows of {asked.tokens}")


CONTESTANTS = {
    "Pretune": ours,
    "Pretune, compiled": lambda asked: ours(asked, compiled=True),
    "bare loop, same batches": bare,
    "bare loop, compiled": lambda asked: bare(asked, compiled=True),
    "Trainer": theirs,
}

if __name__ == "__main__":
    run_contest("pretraining", title, __doc__, CONTESTANTS, COLUMNS, flags)
