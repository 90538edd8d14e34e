"""The tokenizer of a GGUF file."""

import json
import re
from typing import Any

import gguf
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from modules.generation import stop_token_ids

# Of the names that mean one split of text, the one that llama.cpp writes.
_SPLITS = ("llama-bpe", "tekken", "qwen2", "qwen35", "gpt-4o")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def obstacle(tokenizer: Any, rows: int) -> str:
    """Return the reason for which a tokenizer has no place in GGUF; empty if it has one.

    Args:
        tokenizer: A tokenizer of transformers.
        rows: The rows of the model's embeddings.
    """
    if not tokenizer.is_fast:
        return "GGUF takes a tokenizer that has a tokenizer.json"
    made = _parts(tokenizer)
    kind = made["model"]["type"]
    if kind != "BPE":
        return f"GGUF is written for tokenizers of byte pairs (BPE), and this is {kind}"
    if len(tokenizer) > rows:
        return f"its tokenizer has {len(tokenizer):,} tokens, and its embeddings {rows:,} rows"
    if _special_around(tokenizer) is None:
        return "its tokenizer puts other tokens around a text than its first and last one"
    changes = [step["type"] for step in _steps(made["normalizer"], "normalizers")]
    if _is_byte_level(made):
        if changes not in ([], ["NFC"]):
            return f"its tokenizer changes texts by {changes[0]}, which GGUF has no field for"
        if _split_name(made) is None:
            return "llama.cpp has no name for the way in which its tokenizer splits texts"
    elif not made["model"]["byte_fallback"] or not set(changes) <= {"Prepend", "Replace"}:
        return "its tokenizer works neither on bytes nor as SentencePiece does"
    return ""


def add_tokenizer(writer: Any, tokenizer: Any, rows: int) -> None:
    """Write vocabulary, merges, special tokens, the split of texts and the chat template.

    Args:
        writer: The ``GGUFWriter``.
        tokenizer: A tokenizer for which ``obstacle`` finds none.
        rows: The rows of the model's embeddings; those without a token are marked as unused.
    """
    made = _parts(tokenizer)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in made["model"]["merges"]]
    tokens, types = _vocabulary(tokenizer, rows)
    if _is_byte_level(made):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_split_name(made))
        writer.add_token_merges(merges)
    else:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(_scores(tokens, merges))
        writer.add_add_space_prefix(_prefixes_space(made))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    for name in ("bos", "eos", "unk", "pad", "sep", "mask"):
        if (number := getattr(tokenizer, f"{name}_token_id")) is not None:
            getattr(writer, f"add_{name}_token_id")(number)
    first, last = _special_around(tokenizer) or (False, False)
    writer.add_add_bos_token(first)
    writer.add_add_eos_token(last)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)
        if (turn := stop_token_ids(tokenizer)[0]) != tokenizer.eos_token_id:
            writer.add_eot_token_id(turn)


def reads_split(tokenizer: Any) -> bool:
    """Tell whether transformers knows the tokenizer's way to split texts by its name in GGUF."""
    made = _parts(tokenizer)
    return not _is_byte_level(made) or _split_name(made) in (*GGUF_PRE_TOKENIZER_SPLITS, "gpt-2")


def _parts(tokenizer: Any) -> dict[str, Any]:
    return json.loads(tokenizer.backend_tokenizer.to_str())


def _steps(part: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """Return the steps of a part of a tokenizer, which is one step or a sequence of them."""
    if part is None:
        return []
    return part[name] if part["type"] == "Sequence" else [part]


def _is_byte_level(made: dict[str, Any]) -> bool:
    steps = _steps(made["pre_tokenizer"], "pretokenizers")
    return bool(steps) and steps[-1]["type"] == "ByteLevel"


def _split_name(made: dict[str, Any]) -> str | None:
    """Return llama.cpp's name for the way in which texts are split before the merges."""
    *first, last = _steps(made["pre_tokenizer"], "pretokenizers")
    if last["add_prefix_space"]:
        return None
    if last.get("use_regex", True):
        if not first:
            return "gpt-2"
        digits = {"type": "Digits", "individual_digits": True}
        return "smollm" if first == [digits] else None
    names = {GGUF_PRE_TOKENIZER_SPLITS[name]: name for name in _SPLITS}
    if len(first) == 1 and first[0]["type"] == "Split":
        return names.get(first[0]["pattern"].get("Regex"))
    return None


def _prefixes_space(made: dict[str, Any]) -> bool:
    steps = [*_steps(made["normalizer"], "normalizers")]
    steps += _steps(made["pre_tokenizer"], "pretokenizers")
    return any(s["type"] == "Prepend" or s.get("prepend_scheme", "never") != "never" for s in steps)


def _special_around(tokenizer: Any) -> tuple[bool, bool] | None:
    """Tell whether the first and the last token stand around a text; None for anything else."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    for first in (False, True):
        for last in (False, True):
            around = [tokenizer.bos_token_id] * first, [tokenizer.eos_token_id] * last
            if whole == [*around[0], *bare, *around[1]]:
                return first, last
    return None


def _vocabulary(tokenizer: Any, rows: int) -> tuple[list[str], list[int]]:
    kinds = gguf.TokenType
    added = {number: token.special for number, token in tokenizer.added_tokens_decoder.items()}
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    types = []
    for number in range(rows):
        kind = kinds.NORMAL if number in known else kinds.UNUSED
        if number in added:
            kind = kinds.CONTROL if added[number] else kinds.USER_DEFINED
        elif _BYTE.fullmatch(known.get(number, "")):
            kind = kinds.BYTE
        types.append(int(kind))
    return [known.get(number, f"[PAD{number}]") for number in range(rows)], types


def _scores(tokens: list[str], merges: list[str]) -> list[float]:
    """Return scores by which SentencePiece joins pieces in the order of the merges."""
    ranks: dict[str, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault(pair.replace(" ", "", 1), rank)
    return [-float(ranks.get(token, len(merges))) for token in tokens]
