"""Texts of any length as rows of a language model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


def encode_parts(
    tokenizer: Any, texts: Sequence[str], limit: int | None
) -> dict[str, torch.Tensor]:
    """Tokenise texts in rows of at most ``limit`` tokens, and end each text.

    A tokenizer of encoders puts its tokens around each row. That of most decoders adds none: the
    text's last row gets its end-of-text token.

    Returns:
        The tensors of ``TokenRows``, whose mask ``truncated`` tells the rows of texts that have
        several.
    """
    end = tokenizer.eos_token_id
    around = tokenizer("a", return_attention_mask=False)["input_ids"]
    ends = end is not None and around[-1] not in (end, tokenizer.sep_token_id)
    options: dict[str, Any] = {"return_attention_mask": False, "return_token_type_ids": False}
    if limit is not None:
        options |= {"truncation": True, "return_overflowing_tokens": True}
        options["max_length"] = max(1, limit - ends)
    rows, sources = [], []
    for start in range(0, len(texts), 10_000):  # which bounds the memory of Python's lists
        made = tokenizer(list(texts[start : start + 10_000]), **options)
        found = [np.array(row, np.int32) for row in made["input_ids"]]
        own = made.get("overflow_to_sample_mapping", range(len(found)))
        for number, row in enumerate(found):
            last = number + 1 == len(found) or own[number + 1] != own[number]
            rows.append(np.append(row, np.int32(end)) if ends and last else row)
            sources.append(start + own[number])
    number_N = np.array(sources)
    counts = np.bincount(number_N, minlength=len(texts))
    return {
        "ids": torch.from_numpy(np.concatenate(rows).astype(np.int32)),
        "types": torch.empty(0).byte(),
        "starts": torch.from_numpy(np.cumsum([0, *map(len, rows)])),
        "labels": torch.empty(0),
        "truncated": torch.from_numpy(counts[number_N] > 1),
        "sources": torch.from_numpy(number_N),
    }
