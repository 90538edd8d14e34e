"""How fast is fine-tuning with LoRA, compared with the Hugging Face Trainer and a bare loop?

    python -m experiments.benchmarks.finetuning
    python -m experiments.benchmarks.finetuning --backbone roberta --rows 8000   # for a GPU

MiniLM learns the bundled film review sentences with LoRA of rank 5, and is tested on those of the
validation split. Ours is the command experiments/lora_sst2.py, tracked, with its test and export.
The bare loop trains the same module on the same batches, with nothing around it. ``--backbone
roberta`` is an untrained network of RoBERTa-base's shape: only its speed has a meaning.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.timing import SCRIPT, device, elapsed, result_of, titled

RANK, ALPHA, RATE = 5, 16, 1e-3
TOKENS_OF_ROW = 27  # of the bundled sentences, so that ours has as many rows in a batch as theirs


@contextlib.contextmanager
def backbone_of(asked: argparse.Namespace) -> Iterator[str]:
    """The name of a backbone, or the folder of a new network with MiniLM's tokenizer."""
    if asked.backbone != "roberta":
        yield asked.backbone
        return
    import transformers

    from datamodules.packaged import load_tokenizer

    tokenizer = load_tokenizer("minilm")
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, type_vocab_size=2
    )
    with tempfile.TemporaryDirectory() as folder:
        transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        yield folder


def ours(asked: argparse.Namespace) -> Measured:
    with backbone_of(asked) as backbone:
        flags = {"data.source": "bundled", "data.train_rows": asked.rows}
        flags |= {"data.batch_tokens": TOKENS_OF_ROW * asked.batch}
        flags |= {"trainer.max_epochs": asked.epochs, "model.backbone": backbone}
        said = result_of(SCRIPT, *(word for k, v in flags.items() for word in (f"--{k}", str(v))))
    return {
        "training": said["training_seconds"],
        "whole": said["seconds"],
        "tokens": said["tokens_per_second"],
        "accuracy": said["metrics"]["val/accuracy"],
        "memory": said["peak_memory_bytes"] / 2**30,
    }


def data_of(asked: argparse.Namespace, backbone: str):
    from datamodules import SST2

    tokens = TOKENS_OF_ROW * asked.batch
    data = SST2("bundled", backbone, batch_tokens=tokens, train_rows=asked.rows)
    data.setup("fit")
    return data


def bare(asked: argparse.Namespace) -> Measured:
    import lightning
    import torch

    from modules import Classification, LoRA, optimization
    from modules.finetuning.freezing import cast_frozen_to_bf16
    from modules.kernels import native_bf16

    lightning.seed_everything(0, verbose=False)
    with backbone_of(asked) as backbone:
        data, half = data_of(asked, backbone), native_bf16()
        task = Classification(labels=data.label_names)
        module = LoRA(backbone=backbone, task=task, rank=RANK, alpha=ALPHA, learning_rate=RATE)
    place = device()
    module.to(place)
    if half:
        cast_frozen_to_bf16(module.model)
    loader, trained = data.train_dataloader(), [p for p in module.parameters() if p.requires_grad]
    steps = asked.epochs * len(loader)
    optimizer = optimization.adamw(optimization.parameter_groups(module, 0.01), RATE)
    rates = optimization.lr_schedule(optimizer, "linear", 0.06, steps)
    began, tokens = time.perf_counter(), 0
    for epoch in range(asked.epochs):
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            batch = module.transfer_batch_to_device(batch, place, 0)
            with torch.autocast(place.type, torch.bfloat16, enabled=half):
                loss = task.loss(task.logits(module.model, batch), batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            rates.step()
            tokens += int(batch["attention_mask"].sum())
    training, right, count = time.perf_counter() - began, 0, 0
    module.eval()
    with torch.no_grad(), torch.autocast(place.type, torch.bfloat16, enabled=half):
        for batch in data.val_dataloader():
            batch = module.transfer_batch_to_device(batch, place, 0)
            right += int((task.logits(module.model, batch).argmax(1) == batch["labels"]).sum())
            count += len(batch["labels"])
    found = {"training": training, "whole": elapsed(), "tokens": tokens / training}
    return {**found, "accuracy": right / count}


def trainer(asked: argparse.Namespace, pad: bool, **settings: Any) -> Measured:
    """Trains with the Hugging Face Trainer and peft, as a user's script would."""
    import peft
    import transformers

    from datamodules.packaged import load_tokenizer
    from experiments.benchmarks.clocks import quiet_arguments
    from modules.backbone_files import resolve
    from modules.kernels import attn_implementation

    transformers.set_seed(0)
    faster = {"attn_implementation": attn_implementation()} if settings else {}
    with backbone_of(asked) as backbone:
        texts, tokenizer = data_of(asked, backbone).dataset.splits, load_tokenizer(backbone)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            resolve(backbone), num_labels=2, **faster
        )
    rows = {}
    for name in ("train", "validation"):
        padding = {"padding": "max_length"} if pad else {}
        ids = tokenizer(list(texts[name].texts), truncation=True, max_length=128, **padding)
        columns = {**ids, "labels": texts[name].labels}
        rows[name] = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
    lora = peft.LoraConfig("SEQ_CLS", r=RANK, lora_alpha=ALPHA, target_modules="all-linear")
    model = peft.get_peft_model(model, lora)
    tokens = asked.epochs * sum(sum(row["attention_mask"]) for row in rows["train"])
    with tempfile.TemporaryDirectory() as folder:
        arguments = quiet_arguments(
            folder,
            num_train_epochs=asked.epochs,
            per_device_train_batch_size=asked.batch,
            per_device_eval_batch_size=asked.batch,
            learning_rate=RATE,
            **settings,
        )
        collator = transformers.default_data_collator if pad else None
        runner = transformers.Trainer(
            model,
            arguments,
            data_collator=collator,
            train_dataset=rows["train"],
            eval_dataset=rows["validation"],
            processing_class=tokenizer,
            compute_metrics=lambda found: {
                "accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())
            },
        )
        training = runner.train().metrics["train_runtime"]
        accuracy = runner.evaluate()["eval_accuracy"]
    return {
        "training": training,
        "whole": elapsed(),
        "tokens": tokens / training,
        "accuracy": accuracy,
    }


def tuned(asked: argparse.Namespace) -> Measured:
    """The Trainer with the flags that make it fast, in our precision."""
    from modules.kernels import native_bf16

    faster = {"train_sampling_strategy": "group_by_length", "optim": "adamw_torch_fused"}
    return trainer(asked, pad=False, bf16=native_bf16(), **faster)


CONTESTANTS = {
    "Pretune, the command": ours,
    "bare loop, same batches": bare,
    "Trainer, tuned": tuned,
    "Trainer, padded to the longest": lambda asked: trainer(asked, pad=False),
    "Trainer, padded to 128": lambda asked: trainer(asked, pad=True),
}
COLUMNS = [
    Column("training", "training, s", better="less"),
    Column("whole", "whole process, s", better="less"),
    Column("tokens", "tokens/s", "{:,.0f}"),
    Column("accuracy", "validation accuracy", "{:.3f}"),
    Column("memory", "peak memory, GiB", "{:.2f}"),
]


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backbone",
        default="minilm",
        help="Backbone: minilm, or roberta for a new network (minilm)",
    )
    parser.add_argument("--rows", type=int, default=2000, help="Training sentences (2000)")
    parser.add_argument("--epochs", type=int, default=1, help="Number of epochs (1)")
    parser.add_argument(
        "--batch", type=int, default=32, help="Rows of a batch, for ours on average (32)"
    )


def title(asked: argparse.Namespace) -> str:
    lead = f"Fine-tuning: LoRA on {asked.backbone}, {asked.rows} sentences"
    return titled(f"{lead}, epochs: {asked.epochs}")


if __name__ == "__main__":
    run_contest("finetuning", title, __doc__, CONTESTANTS, COLUMNS, flags)
