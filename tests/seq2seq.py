"""Pairs of texts in words that the tiny tokenizers know, and a tiny encoder-decoder."""

import json
from pathlib import Path

import tokenizers
import torch
import transformers

from datamodules import Seq2SeqFiles
from tests import conftest

PAIRS = [("a warm film", "warm"), ("a cold tale", "cold"), ("the film of the year", "film year")]


def write(folder: Path) -> Path:
    """Write train.jsonl and dev.jsonl of 24 pairs each."""
    folder.mkdir(exist_ok=True)
    for split in ("train", "dev"):
        rows = [{"source": source, "target": target} for source, target in PAIRS * 8]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def read(folder: Path, backbone: str, **settings) -> Seq2SeqFiles:
    data = Seq2SeqFiles(str(write(folder)), tokenizer=backbone, batch_size=8, **settings)
    data.setup("fit")
    return data


def t5(folder: Path) -> str:
    """Save an encoder-decoder, whose tokenizer ends each text as T5's does."""
    folder.mkdir(exist_ok=True)
    conftest.save_byte_pairs(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    end = tokenizer.eos_token_id
    processor = tokenizers.processors
    tokenizer.backend_tokenizer.post_processor = processor.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", end)]
    )
    tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.save_pretrained(folder)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.0,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        eos_token_id=end,
    )
    torch.manual_seed(0)
    model = transformers.T5ForConditionalGeneration(config)
    model.save_pretrained(folder)
    return str(folder)
