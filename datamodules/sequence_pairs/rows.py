"""Pairs of texts with the numbers of their tokens; the task of the module encodes them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from datamodules.batches import PairBatch
from datamodules.packaged import load_tokenizer
from datamodules.sampling import padded_width
from datamodules.token_cache import cached_tensors
from datamodules.tokens import max_positions

_CHUNK = 10_000  # texts that are tokenised at once
_MOST = 1 << 30  # tokens, of a model without a limit


@dataclass
class PairRows:
    """N pairs of texts.

    Attributes:
        columns: ``source`` and ``target``, cut to their limits, and the whole ``reference``.
        counts: The tokens of source and of target, special ones too, (N, 2) int64.
        cut: Whether source and target were longer than their limits, (N, 2) bool.
    """

    columns: dict[str, list[str]]
    counts: np.ndarray
    cut: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each pair, (N,)."""
        return self.counts.sum(1)

    def __getitems__(self, rows: list[int]) -> PairBatch:
        """These rows; their tokens are told by the mask alone."""
        lengths = self.lengths[rows]
        places = np.arange(padded_width(lengths, int(self.lengths.max())))
        return {
            "attention_mask": torch.from_numpy((places < lengths[:, None]).astype(np.int64)),
            "index": torch.tensor(rows),
            "columns": {name: [texts[row] for row in rows] for name, texts in self.columns.items()},
        }

    def notes(self, split: str, limits: Sequence[int]) -> list[str]:
        """A remark on the sources, and one on the targets, that were cut."""
        return [
            f"{count:,} of {len(self):,} {split} {name}s were cut at {limit:,} tokens"
            for name, limit, count in zip(
                ("source", "target"), limits, self.cut.sum(0).tolist(), strict=True
            )
            if count
        ]


def limits_of(name: str, source: int | None, target: int | None) -> tuple[int, int]:
    """The most tokens of source and target; the model's limit where none is given.

    Raises:
        ValueError: If a limit is more than the model takes, or leaves no room for a text.
    """
    tokenizer = load_tokenizer(name)
    most = min(tokenizer.model_max_length, max_positions(name), _MOST)
    least = 1 + tokenizer.num_special_tokens_to_add()
    for flag, given in (("max_source_length", source), ("max_target_length", target)):
        if given is not None and given > most:
            raise ValueError(f"--data.{flag} {given}: {name} takes at most {most:,} tokens")
        if given is not None and given < least:
            raise ValueError(f"--data.{flag} {given}: leaves no room for text; at least {least}")
    return source or most, target or most


def count_tokens(
    name: str, sources: Sequence[str], targets: Sequence[str], limits: Sequence[int]
) -> PairRows:
    """Count the tokens of pairs, or take the counts from the cache, and cut what is too long.

    Args:
        name: The backbone whose tokenizer is used.
        sources: N texts.
        targets: Their N targets.
        limits: The most tokens of source and of target.
    """
    tokenizer, shown, counts, cut = load_tokenizer(name), [], [], []
    for as_target, texts, limit in zip((False, True), (sources, targets), limits, strict=True):
        texts = list(texts)
        parts = json.dumps(texts, ensure_ascii=False).encode("utf-8", "surrogatepass")
        key = ["counts", 1, _spec(tokenizer), hashlib.sha256(parts).hexdigest(), as_target]
        found = cached_tensors(
            json.dumps(key), lambda t=texts, a=as_target: _counted(tokenizer, t, a)
        )
        numbers = found["counts"].numpy()
        over = numbers > limit
        kept = list(texts)
        for place in np.flatnonzero(over).tolist():
            kept[place] = cut_text(tokenizer, texts[place], limit, as_target)
        shown.append(kept)
        counts.append(np.minimum(numbers, limit))
        cut.append(over)
    columns = {"source": shown[0], "target": shown[1], "reference": list(targets)}
    return PairRows(columns, np.stack(counts, 1), np.stack(cut, 1))


def cut_text(tokenizer: Any, text: str, limit: int, as_target: bool = False) -> str:
    """The beginning of a text that has at most so many tokens, special ones too."""
    given = {"text_target" if as_target else "text": text}
    room = limit - tokenizer.num_special_tokens_to_add()
    if not tokenizer.is_fast:
        ids = tokenizer(**given, add_special_tokens=False, verbose=False)["input_ids"]
        return tokenizer.decode(ids[:room], skip_special_tokens=True)
    options = {"add_special_tokens": False, "return_offsets_mapping": True, "verbose": False}
    ends = tokenizer(**given, **options)["offset_mapping"]
    return text if len(ends) <= room else text[: ends[room][0]].rstrip()


def _counted(tokenizer: Any, texts: list[str], as_target: bool) -> dict[str, torch.Tensor]:
    counts: list[int] = []
    for start in range(0, len(texts), _CHUNK):
        part = {"text_target" if as_target else "text": texts[start : start + _CHUNK]}
        made = tokenizer(**part, return_attention_mask=False, verbose=False)["input_ids"]
        counts += map(len, made)
    return {"counts": torch.tensor(counts)}


def _spec(tokenizer: Any) -> str:
    """A digest of all on which the tokens depend."""
    if tokenizer.is_fast:
        spec = tokenizer.backend_tokenizer.to_str()
    else:
        spec = repr([type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())])
    return hashlib.sha256(spec.encode()).hexdigest()
