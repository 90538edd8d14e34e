"""Tiny decoders of the families that GGUF knows, with random weights, as folders."""

from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from tests import conftest

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": None,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
# By name: the model type of transformers, and what differs from the sizes above.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {"head_dim": 24, "tie_word_embeddings": True}),
    "llama-scaled": ("llama", {"rope_parameters": LLAMA3, "attention_bias": True}),
    "mistral": ("mistral", {"sliding_window": 96}),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {"head_dim": 32}),
    "gpt2": ("gpt2", {"n_positions": 128}),
}


def save(folder: Path, name: str, save_tokenizer: Any = conftest.save_byte_pairs) -> str:
    """Save a decoder whose every weight is random, biases and norms included."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder)
    family, settings = FAMILIES[name]
    size = len(transformers.AutoTokenizer.from_pretrained(folder)) + 3  # rows without a token
    config = transformers.AutoConfig.for_model(family, vocab_size=size, **{**SIZES, **settings})
    torch.manual_seed(1)
    model: Any = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(folder)
    return str(folder)


def sentencepiece(folder: Path) -> None:
    """A tokenizer as Llama 2's and Mistral's: words with a space before them, and bytes."""
    fast = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    fast.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=special, show_progress=False)
    fast.train_from_iterator([*conftest.GOOD, *conftest.BAD] * 3, trainer)
    # Bytes are pieces like any other: only the first three are tokens of their own.
    made = fast.to_str()
    import json

    parts = json.loads(made)
    parts["added_tokens"] = parts["added_tokens"][:3]
    fast = tokenizers.Tokenizer.from_str(json.dumps(parts))
    fast.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1),
        ]
    )
    fast.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def split_by(regex: str, folder: Path) -> None:
    """A byte-level tokenizer that splits texts by a pattern."""
    conftest.save_byte_pairs(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(regex), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.save_pretrained(folder)
