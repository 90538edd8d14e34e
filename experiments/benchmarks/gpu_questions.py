"""The questions of a GPU's benchmark: each contestant trains made-up inputs and is measured."""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
import transformers
from lightning.pytorch import Callback, Trainer

from callbacks import StepSeed, ThroughputMonitor
from datamodules import Corpus, Instructions, TextFiles
from experiments.benchmarks import gpu_inputs, pretraining
from experiments.benchmarks.clocks import Clock, OurClock, TheirClock, their_arguments
from experiments.benchmarks.harness import Measured
from experiments.benchmarks.timing import device, elapsed, our_trainer
from modules import Classification, InstructionFollowing, LoRA, MaskedLM, causal_checks
from modules.backbones import unwrap
from modules.compiling import Compiled
from modules.padding_free import PaddingFree

RANK, ALPHA, RATE = 8, 16, 5e-4


def gpt2(asked: argparse.Namespace, who: str) -> Measured:
    """Pre-training of GPT-2's shape, 124 M, at 1,024 tokens."""
    asked.objective, asked.vocabulary = "clm", None
    asked.size = "tiny" if asked.quick else "gpt2"
    asked.tokens, asked.batch = (32, 4) if asked.quick else (1024, 16)
    tokens = (asked.steps + asked.warmup + 2) * asked.batch * asked.tokens
    asked.corpus = gpu_inputs.write_corpus(asked.folder / "corpus", tokens)
    return pretraining.CONTESTANTS[who](asked)


def lora(asked: argparse.Namespace, who: str) -> Measured:
    """LoRA on RoBERTa-base's shape: rows of 128 tokens, 32 in a batch."""
    asked.tokens, asked.batch = (16, 4) if asked.quick else (128, 32)
    clock = Clock(asked.warmup, asked.warmup + asked.steps)
    backbone = gpu_inputs.write_network(asked.folder / "base", gpu_inputs.roberta(asked.quick))
    rows = asked.batch * (clock.last + 1)
    source = gpu_inputs.write_reviews(asked.folder / "reviews.csv", rows, asked.tokens)
    lightning.seed_everything(0, verbose=False)
    data = TextFiles(
        source=source, tokenizer=backbone, batch_size=asked.batch, workers=asked.workers
    )
    data.setup("fit")
    if who == "Trainer":
        return _their_lora(asked, data, backbone, clock)
    task = Classification(labels=data.label_names)
    module = LoRA(backbone=backbone, task=task, rank=RANK, alpha=ALPHA, learning_rate=RATE)
    return _fit(asked, module, data, clock, who.endswith("compiled"))


def _their_lora(asked: argparse.Namespace, data: Any, backbone: str, clock: Clock) -> Measured:
    import peft

    train, keys = data._rows["train"], ("input_ids", "attention_mask", "labels")
    batch = train.__getitems__(list(range(min(len(train), clock.last * asked.batch))))
    rows = [{key: batch[key][n] for key in keys} for n in range(len(batch["labels"]))]
    model = transformers.AutoModelForSequenceClassification.from_pretrained(backbone)
    config = peft.LoraConfig("SEQ_CLS", r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
    model = peft.get_peft_model(model, config)
    arguments = their_arguments(str(asked.folder / "theirs"), asked, clock, learning_rate=RATE)
    collator = transformers.default_data_collator
    transformers.Trainer(
        model, arguments, data_collator=collator, train_dataset=rows, callbacks=[TheirClock(clock)]
    ).train()
    return clock.measured(asked)


def instructions(asked: argparse.Namespace, who: str) -> Measured:
    """Instruction tuning of SmolLM2-135M's shape with LoRA, padded and packed."""
    longest, asked.batch = (64, 2) if asked.quick else (512, 16)
    asked.tokens = longest
    clock = Clock(asked.warmup, asked.warmup + asked.steps)
    backbone = gpu_inputs.write_network(asked.folder / "base", gpu_inputs.smollm2(asked.quick))
    rows = 2 * asked.batch * (clock.last + 2)
    source = gpu_inputs.write_chats(asked.folder / "chats.jsonl", rows, longest // 2)
    lightning.seed_everything(0, verbose=False)
    size = {"batch_tokens": asked.batch * longest, "max_length": longest}
    packing = "packed" in who
    data = Instructions(
        source=source, tokenizer=backbone, packing=packing, workers=asked.workers, **size
    )
    data.setup("fit")
    task = InstructionFollowing(data.chat_template)
    module = LoRA(backbone=backbone, task=task, rank=RANK, alpha=ALPHA, learning_rate=RATE)
    if packing:  # asked in fp32, and not in the first step
        causal_checks.keeps_texts_apart(unwrap(module.model))
    apart = who.endswith(("without padding", "texts apart"))
    return _fit(asked, module, data, clock, who.endswith("compiled"), apart)


def _fit(
    asked: argparse.Namespace,
    module: Any,
    data: Any,
    clock: Clock,
    compiled: bool,
    padding_free: bool = False,
) -> Measured:
    counter = ThroughputMonitor()
    our_trainer(
        max_steps=clock.last,
        max_epochs=-1,
        precision="bf16-mixed",
        accelerator="cpu" if device().type == "cpu" else "auto",
        callbacks=[
            StepSeed(0),
            counter,
            *[Compiled(True, after=0)] * compiled,
            PaddingFree(padding_free),
            OurClock(clock, module),
        ],
        logger=False,
        log_every_n_steps=10,
    ).fit(module, data)
    return clock.measured(asked)


class Losses(Callback):
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *_: Any) -> None:
        self.values.append(float(outputs["loss"]))


def curve(asked: argparse.Namespace, who: str) -> Measured:
    """The largest differences of a loss in bf16, here and on the CPU, from that in fp32."""
    steps, tokens = (3, 16) if asked.quick else (40, 128)
    corpus = gpu_inputs.write_corpus(asked.folder / "corpus", 32 * tokens * (steps + 2))
    losses: list[list[float]] = []
    here = "cpu" if device().type == "cpu" else "gpu"
    for kind, precision in (("cpu", "32-true"), ("cpu", "bf16-mixed"), (here, "bf16-mixed")):
        lightning.seed_everything(0, verbose=False)
        data, kept = Corpus(corpus, tokens, 32), Losses()
        module = MaskedLM(tokenizer=data.tokenizer, size="tiny", row_tokens=tokens)
        our_trainer(
            max_steps=steps,
            precision=precision,
            accelerator=kind,
            callbacks=[StepSeed(0), kept],
            logger=False,
        ).fit(module, data)
        losses.append(kept.values)
    plain, *others = losses
    gaps = [max(abs(a / b - 1) for a, b in zip(one, plain, strict=True)) for one in others]
    found = {"loss": losses[-1][-1], "cpu_gap": 100 * gaps[0], "gap": 100 * gaps[1]}
    return {**found, "seconds": elapsed()}


QUESTIONS: dict[str, dict[str, Callable[[argparse.Namespace], Measured]]] = {
    "GPT-2 124M, 1024 tokens": {who: partial(gpt2, who=who) for who in pretraining.CONTESTANTS},
    "LoRA, RoBERTa-base": {
        who: partial(lora, who=who) for who in ("Pretune", "Pretune, compiled", "Trainer")
    },
    "instructions, SmolLM2 135M": {
        who: partial(instructions, who=who)
        for who in (
            "Pretune, padded",
            "Pretune, packed",
            "Pretune, packed and compiled",
            "Pretune, without padding",
            "Pretune, packed, texts apart",
        )
    },
    "bf16 curve, MaskedLM tiny": {"Pretune": partial(curve, who="Pretune")},
}


def answer(asked: argparse.Namespace, question: str, who: str) -> Measured:
    """Measures one contestant in this process."""
    with tempfile.TemporaryDirectory() as folder:
        asked.folder = Path(folder)
        found = QUESTIONS[question][who](asked)
    if torch.cuda.is_available():
        found["memory"] = torch.cuda.max_memory_allocated() / 2**30
    return found
