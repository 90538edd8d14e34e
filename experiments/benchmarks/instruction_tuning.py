"""How fast is instruction tuning, compared with TRL's SFTTrainer, padded and packed?

    pip install -e '.[bench]'
    python -m experiments.benchmarks.instruction_tuning

SmolLM2 learns the same bundled records with LoRA of rank 8, on their responses alone. One function
measures all of them on the same validation records.
"""

import argparse
import tempfile
import time
from typing import Any

from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.timing import device, elapsed, our_trainer, titled

RANK, ALPHA, RATE, LONGEST = 8, 16, 5e-4, 512
# SmolLM2's template with the marks that TRL finds responses by; the text is the same.
MARKED = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ message['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def data_of(asked: argparse.Namespace, packing: bool = False):
    from datamodules import Instructions

    rows = {"train_rows": asked.rows, "eval_rows": asked.rows // 2}
    data = Instructions(packing=packing, max_length=LONGEST, **rows)
    data.setup("fit")
    return data


def loss_of(network: Any, asked: argparse.Namespace) -> float:
    """The mean loss of the tokens of the validation responses."""
    import torch

    from modules import InstructionFollowing
    from modules.kernels import native_bf16

    task, data = InstructionFollowing(), data_of(asked)
    total, count = 0.0, 0
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=native_bf16()):
        for batch in data.val_dataloader():
            batch = task.prepare(batch, False)
            total += float(task.logits(network, batch)[0])
            count += int(task.num_targets(batch))
    return total / count


def ours(asked: argparse.Namespace, packing: bool, padding_free: bool = False) -> Measured:
    import lightning

    from callbacks import StepSeed, ThroughputMonitor
    from modules import InstructionFollowing, LoRA
    from modules.kernels import trainer_precision
    from modules.padding_free import PaddingFree

    lightning.seed_everything(0, verbose=False)
    data, cost = data_of(asked, packing), ThroughputMonitor()
    task = InstructionFollowing(data.chat_template)
    module = LoRA(backbone="smollm2", task=task, rank=RANK, alpha=ALPHA, learning_rate=RATE)
    callbacks = [StepSeed(0), cost, PaddingFree(padding_free)]
    our_trainer(max_epochs=1, precision=trainer_precision(), callbacks=callbacks, logger=False).fit(
        module, data
    )
    found = {"training": cost.seconds, "tokens": cost.rate()}
    return {**found, "loss": loss_of(module.model, asked), "whole": elapsed()}


def trl(asked: argparse.Namespace, packing: bool) -> Measured:
    import datasets
    import peft
    import torch
    import transformers
    from trl import SFTConfig, SFTTrainer

    from datamodules.instructions.conversations import as_chat
    from modules.backbone_files import resolve
    from modules.kernels import native_bf16

    transformers.set_seed(0)
    data = data_of(asked)
    chats = [{"messages": as_chat(chat)} for chat in data.loaded.splits["train"]]
    unmarked = data.chat_tokenizer.apply_chat_template(
        [one["messages"] for one in chats], tokenize=False
    )
    data.chat_tokenizer.chat_template = MARKED
    marked = data.chat_tokenizer.apply_chat_template(
        [one["messages"] for one in chats], tokenize=False
    )
    assert marked == unmarked
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            folder,
            num_train_epochs=1,
            per_device_train_batch_size=1 if packing else asked.batch,
            gradient_accumulation_steps=asked.accumulate if packing else 1,
            learning_rate=RATE,
            max_length=LONGEST,
            packing=packing,
            assistant_only_loss=True,
            bf16=native_bf16(),
            use_cpu=device().type == "cpu",
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        model = transformers.AutoModelForCausalLM.from_pretrained(
            resolve("smollm2"), dtype=torch.float32
        )
        trainer = SFTTrainer(
            model,
            args=settings,
            train_dataset=datasets.Dataset.from_list(chats),
            processing_class=data.chat_tokenizer,
            peft_config=peft.LoraConfig(
                "CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules="all-linear"
            ),
        )
        began = time.perf_counter()
        trainer.train()
        training = time.perf_counter() - began
    tokens = int(data._rows["train"].lengths.sum()) / training
    found = {"training": training, "tokens": tokens}
    return {**found, "loss": loss_of(trainer.model, asked), "whole": elapsed()}


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=256, help="Training records (256)")
    parser.add_argument("--batch", type=int, default=8, help="Records of a padded batch (8)")
    parser.add_argument(
        "--accumulate", type=int, default=4, help="Packed rows of a step, with 512 tokens each (4)"
    )


CONTESTANTS = {
    "Pretune": lambda asked: ours(asked, packing=False),
    "Pretune, packed": lambda asked: ours(asked, packing=True),
    "Pretune, without padding": lambda asked: ours(asked, packing=False, padding_free=True),
    "Pretune, packed, texts apart": lambda asked: ours(asked, packing=True, padding_free=True),
    "TRL, padded": lambda asked: trl(asked, packing=False),
    "TRL, packed": lambda asked: trl(asked, packing=True),
}
COLUMNS = [
    Column("training", "training, s", better="less"),
    Column("tokens", "tokens/s", "{:,.0f}"),
    Column("loss", "validation loss", "{:.3f}"),
    Column("memory", "peak memory, GiB", "{:.1f}"),
]


def title(asked: argparse.Namespace) -> str:
    return titled(f"Instruction tuning: {asked.rows} records")


if __name__ == "__main__":
    run_contest("instruction_tuning", title, __doc__, CONTESTANTS, COLUMNS, flags, 2)
