"""Made-up inputs of a GPU's benchmark: no file of a hub, no corpus and no pretrained weights."""

import json
import random
from pathlib import Path
from typing import Any

import tokenizers
import transformers

from datamodules.shards import ShardWriter, fingerprint, token_bytes

_SPECIAL = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
_WORDS = (
    "the a film story king old warm dull clever long saw made told never always and but".split()
)
_TEMPLATE = (
    "{% for m in messages %}{{ '[CLS]' + m['role'] + '\n' + m['content'] + '[SEP]\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '[CLS]assistant\n' }}{% endif %}"
)


def tokenizer() -> Any:
    """A tokenizer with a token for each byte, so that the number of tokens is that of letters."""
    pieces = [*_SPECIAL.values(), "</s>", *sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())]
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE({piece: number for number, piece in enumerate(pieces)}, [])
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name}_token": token for name, token in _SPECIAL.items()}
    found = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", bos_token="</s>", model_max_length=4096, **names
    )
    found.chat_template = _TEMPLATE
    return found


def text(draw: random.Random, letters: int) -> str:
    """Words of a few kinds, cut to so many letters."""
    words: list[str] = []
    while sum(map(len, words)) + len(words) <= letters:
        words.append(draw.choice(_WORDS))
    return " ".join(words)[:letters].replace(" ", "_")


def write_corpus(folder: Path, tokens: int) -> str:
    """A corpus of so many tokens as prepare_corpus.py would have left it; returns its folder."""
    draw, known = random.Random(0), tokenizer()
    known.save_pretrained(folder / "tokenizer")
    counts = {}
    for split, size in {"train": tokens, "validation": 2000}.items():
        count = dict.fromkeys(("documents", "tokens", "sentences", "bytes"), 0)
        with ShardWriter(folder / split / "00000.ds", len(known)) as writer:
            while count["tokens"] < size:
                ids = known.encode(text(draw, 2000), add_special_tokens=False)
                ids.append(known.eos_token_id)
                writer.add(ids, [len(ids)])
                for name, more in zip(count, (1, len(ids), 1, len(ids) - 1), strict=True):
                    count[name] += more
        counts[split] = count | {"shards": 1}
    manifest = {
        "format": 1,
        "fingerprint": fingerprint(folder),
        "inputs": "0" * 32,
        "origin": "made up",
        "settings": {},
        "run": "none",
        "token_bytes": token_bytes(len(known)),
        "splits": counts,
        "tokenizer": {
            "name": "bytes",
            "vocabulary": len(known),
            "end_of_document": known.eos_token_id,
            "padding": known.pad_token_id,
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return str(folder)


def write_reviews(file: Path, rows: int, tokens: int) -> str:
    """A table of so many texts of so many tokens, with two labels; returns its name."""
    draw = random.Random(0)
    lines = [f"{text(draw, tokens - 2)},{('dull', 'warm')[n % 2]}" for n in range(rows)]
    file.write_text("\n".join(["text,label", *lines, ""]), encoding="utf-8")
    return str(file)


def write_chats(file: Path, rows: int, tokens: int) -> str:
    """A file of so many questions with answers, about so many tokens together."""
    draw = random.Random(0)
    records = [
        {"prompt": text(draw, tokens // 4), "completion": text(draw, tokens // 2)}
        for _ in range(rows)
    ]
    file.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return str(file)


def write_network(folder: Path, config: Any) -> str:
    """A new network with random weights beside the tokenizer; returns its folder."""
    transformers.set_seed(0)
    auto = "AutoModelForCausalLM" if config.model_type == "llama" else "AutoModel"
    getattr(transformers, auto).from_config(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


def roberta(quick: bool) -> Any:
    """The shape of RoBERTa-base, or a small one."""
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    small |= {"intermediate_size": 64, "vocab_size": 300}
    sizes = small if quick else {"vocab_size": 50265}
    return transformers.RobertaConfig(
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=0, **sizes
    )


def smollm2(quick: bool) -> Any:
    """The shape of SmolLM2-135M, or a small one."""
    large = {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9}
    large |= {"num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152}
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    small |= {"num_key_value_heads": 1, "intermediate_size": 64, "vocab_size": 300}
    return transformers.LlamaConfig(
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=5,
        eos_token_id=5,
        **(small if quick else large),
    )
