"""Records which tokens TRL learns of ``tests/chats.py``: run it where TRL is installed.

    pip install trl==1.16.0 pytest && python tests/datamodules/instructions/record_trl_masks.py

Writes trl_masks.json beside it: for each template the ids and the mask of each conversation, as
TRL's SFTTrainer prepares them with ``assistant_only_loss``. Where a template marks no responses,
TRL does it: it knows Llama 3's and Qwen 2.5's. Of SmolLM2's way it knows none, so marks are added.
"""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import datasets
import transformers
from trl import SFTConfig, SFTTrainer
from trl.chat_template_utils import get_training_chat_template

from datamodules.instructions.conversations import as_chat
from tests import chats

MARKED = chats.CHATML.replace(
    "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}",
    "{% if m['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% generation %}"
    "{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}"
    "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endif %}",
)


def known(name: str) -> str:
    """TRL's own copy of a model's template, with its marks."""
    import trl

    plain = (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text()
    tokenizer = chats.tokenizer(plain)
    return get_training_chat_template(tokenizer)


def record(template: str) -> list[dict[str, list[int]]]:
    tokenizer = chats.tokenizer(template)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    rows = datasets.Dataset.from_list([{"messages": as_chat(c)} for c in chats.CHATS])
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            folder,
            assistant_only_loss=True,
            max_length=None,
            report_to=[],
            use_cpu=True,
            bf16=False,
        )
        trainer = SFTTrainer(
            transformers.LlamaForCausalLM(config),
            args=settings,
            train_dataset=rows,
            processing_class=tokenizer,
        )
        batch = trainer.data_collator([trainer.train_dataset[n] for n in range(len(rows))])
    found = []
    for ids, labels, real in zip(
        batch["input_ids"].tolist(),
        batch["labels"].tolist(),
        batch["attention_mask"].tolist() if "attention_mask" in batch else batch["input_ids"],
        strict=True,
    ):
        size = sum(real) if "attention_mask" in batch else len(ids)
        found.append({"ids": ids[:size], "mask": [int(n >= 0) for n in labels[:size]]})
    return found


if __name__ == "__main__":
    templates = {"plain": chats.PLAIN_TEMPLATE, "chatml": MARKED, "headers": known("llama3")}
    templates["qwen2_5"] = known("qwen2_5")
    held = {"trl": version("trl"), "templates": {n: record(t) for n, t in templates.items()}}
    Path(__file__).with_name("trl_masks.json").write_text(json.dumps(held) + "\n")
