"""A tiny model that knows a chat template, and records to tune it on."""

import json
from pathlib import Path

import torch
import transformers

from datamodules.instructions import known_tasks
from tests import chats


def save_speaker(folder: Path, template: str = "chatml") -> str:
    """A Llama of two layers that has a token for each byte."""
    tokenizer = chats.tokenizer(template)
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=0,
    )
    torch.manual_seed(1)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def write_records(file: Path, count: int = 60) -> str:
    """Questions with answers of unlike lengths."""
    rows = [{"instruction": f"Say {n}.", "output": f"{n} " * (1 + n % 9)} for n in range(count)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def flags(speaker: str, source: str, *more: str) -> list[str]:
    """A run of a few steps that is not tracked."""
    line = f"""--model.backbone {speaker} --data.source {source} --data.max_length 160
        --data.batch_tokens 800 --trainer.accelerator cpu --trainer.precision 32-true
        --trainer.max_epochs 2 --trainer.log_every_n_steps 1 --tracking.mode disabled"""
    return [*line.split(), *more]


def replace_tasks(monkeypatch) -> None:
    """Give films with classes, and translations, that no package has to bring."""
    rows = [(f"{word} film {n}", n % 2) for n in range(12) for word in [("bad", "good")[n % 2]]]
    task = known_tasks.TASKS["imdb"]._replace(read=lambda split: rows)
    monkeypatch.setitem(known_tasks.TASKS, "imdb", task)
    pairs = [(f"say {n}", f"dire {n}") for n in range(3)]
    task = known_tasks.TASKS["translate_fr"]._replace(read=lambda split: pairs, max_new_tokens=3)
    monkeypatch.setitem(known_tasks.TASKS, "translate_fr", task)
