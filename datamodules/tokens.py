"""Texts to token ids, kept in a cache by the fingerprint of all on which they depend."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from datamodules.batches import LabelledBatch
from datamodules.labels import LabelKind
from datamodules.packaged import joined_pairs, load_tokenizer, locate, pad_id
from datamodules.sampling import padded_width
from datamodules.text_parts import encode_parts
from datamodules.token_cache import cached_tensors

_FORMAT = 3  # raised when the files below change their meaning


@dataclass
class TokenRows(Dataset):
    """N tokenised rows, one after the other in flat arrays.

    Attributes:
        ids: The token ids of all rows, (sum of lengths,) int32.
        types: 0 for the first text of a pair and 1 for the second, or empty, (…,) uint8.
        starts: The start of each row in ``ids``, and the end of the last, (N + 1,) int64.
        labels: The labels: (N,) int64 classes, (N,) float32 numbers, (N, classes) int64 of 0 and 1
            for several, or empty, (0,).
        truncated: A mask of the rows that were longer than the limit, (N,) bool.
        pad: The id of the padding token.
        columns: The texts by name, N each, truncated as the ids are.
        sources: The number of the text of each row, (N,) int64, where long texts were split into
            several rows; empty where each text is a row.
    """

    ids: torch.Tensor
    types: torch.Tensor
    starts: torch.Tensor
    labels: torch.Tensor
    truncated: torch.Tensor
    pad: int
    columns: dict[str, list[str]] = field(default_factory=dict)
    sources: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        return self.starts.diff().numpy()

    @cached_property
    def max_row_length(self) -> int:
        """The number of tokens of the longest row."""
        return int(self.lengths.max())

    def note(self, name: str) -> str:
        """A remark on the number of texts that were truncated, or split."""
        count = int(self.truncated.sum())
        if len(self.sources):
            split = len(self.sources[self.truncated].unique())
            return f"{split:,} long {name} texts were split into {count:,} rows"
        return f"{count:,} of {len(self):,} {name} rows were cut at {self.max_row_length} tokens"

    def __getitems__(self, rows: list[int]) -> LabelledBatch:
        """Pad these rows to the longest of them, or a little more."""
        index = torch.tensor(rows)
        starts = self.starts[index]
        lengths = self.starts[index + 1] - starts
        place = torch.arange(padded_width(lengths.numpy(), self.max_row_length))
        mask = place < lengths[:, None]
        source = (starts[:, None] + place)[mask]
        ids = torch.full(mask.shape, self.pad)
        ids[mask] = self.ids[source].long()
        batch: LabelledBatch = {
            "input_ids": ids,
            "attention_mask": mask.long(),
            "index": index,
        }
        if len(self.labels):
            batch["labels"] = self.labels[index]
        if len(self.types):
            batch["token_type_ids"] = torch.zeros_like(ids)
            batch["token_type_ids"][mask] = self.types[source].long()
        if self.columns:
            batch["columns"] = {
                n: [texts[row] for row in rows] for n, texts in self.columns.items()
            }
        return batch

    def truncate_texts(self, texts: list[str], tokenizer) -> list[str]:
        """Return the text of each row: of a truncated one, or of a part, what its tokens hold."""
        whole, kept = list(texts), self.truncated.nonzero()[:, 0].tolist()
        if len(self.sources):
            whole = [texts[number] for number in self.sources.tolist()]
        ids = [self.ids[self.starts[row] : self.starts[row + 1]].tolist() for row in kept]
        for row, text in zip(
            kept, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True
        ):
            whole[row] = text
        return whole


def lengths(splits: dict[str, TokenRows]) -> dict[str, dict[str, int]]:
    """The numbers of tokens, of tokens of the longest row, and of truncated rows of each split."""
    return {
        "tokens": {name: len(rows.ids) for name, rows in splits.items()},
        "longest": {name: rows.max_row_length for name, rows in splits.items()},
        "cut_to_max_length": {
            name: 0 if len(rows.sources) else int(rows.truncated.sum())
            for name, rows in splits.items()
        },
    }


def label_tensor(labels: Sequence | None, kind: LabelKind, classes: int) -> torch.Tensor:
    """Convert the labels of a split to the tensor of ``TokenRows``."""
    if kind == "none":
        return torch.empty(0)
    if kind != "several":
        return torch.tensor(labels)
    found = torch.zeros(len(labels or ()), classes, dtype=torch.int64)
    for row, named in enumerate(labels or ()):
        found[row, named] = 1
    return found


def tokenize_texts(
    name: str,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    labels: torch.Tensor,
    fingerprint: str,
    max_length: int | None,
    split_long: bool = False,
) -> TokenRows:
    """Tokenise a split, or take it from the cache if it was tokenised in this way before.

    Args:
        name: The backbone whose tokenizer is used.
        texts: The N texts.
        pairs: The N second texts, or None.
        labels: The labels as in ``TokenRows``.
        fingerprint: The digest of texts, pairs and labels; see ``tables.TextSplit``.
        max_length: The number of tokens to which rows are truncated; the tokenizer's limit if None.
        split_long: Whether a longer text goes on in further rows, and a token ends each text, as
            language modelling wants it.
    """
    tokenizer, limit = fast_tokenizer(name, max_length)
    needed = 1 + tokenizer.num_special_tokens_to_add(pair=pairs is not None)
    if max_length is not None and max_length < needed:
        raise ValueError(
            f"--data.max_length {max_length}: leaves no room for text; at least {needed}"
        )
    cut = max_length or (limit if limit < 1_000_000 else None)
    spec = tokenizer.backend_tokenizer.to_str()
    made = [hashlib.sha256(spec.encode()).hexdigest(), tokenizer.model_input_names]
    made += [str(labels.dtype), *labels.shape[1:]]
    key = json.dumps([_FORMAT, fingerprint, *made, tokenizer.truncation_side, cut])
    if split_long:
        key = json.dumps([key, "split"])
        rows = cached_tensors(key, lambda: encode_parts(tokenizer, texts, cut))
    else:
        rows = cached_tensors(key, lambda: _encode(tokenizer, texts, pairs, labels, cut))
    return TokenRows(
        ids=rows["ids"],
        types=rows["types"],
        starts=rows["starts"],
        labels=rows["labels"],
        truncated=rows["truncated"],
        pad=pad_id(tokenizer),
        sources=rows.get("sources", torch.empty(0, dtype=torch.int64)),
    )


def fast_tokenizer(name: str, max_length: int | None) -> tuple[Any, int]:
    """The tokenizer of a backbone, and the most tokens of a row that it and the model take.

    Args:
        name: The backbone.
        max_length: The number of tokens to which rows are to be cut; None for no wish.

    Raises:
        ValueError: If the tokenizer is not a fast one, or the rows are to have more tokens.
    """
    tokenizer = load_tokenizer(name)
    if not tokenizer.is_fast:
        raise ValueError(f"--model.backbone {name}: has no fast tokenizer, which is needed here")
    limit = min(tokenizer.model_max_length, max_positions(name))
    if max_length is not None and max_length > limit:
        raise ValueError(f"--data.max_length {max_length}: {name} takes at most {limit} tokens")
    return tokenizer, limit


def max_positions(name: str) -> int:
    """The number of tokens that the model takes, by its config: not every tokenizer knows it."""
    from transformers import PretrainedConfig

    try:
        config, _ = PretrainedConfig.get_config_dict(locate(name))
    except OSError:  # a tokenizer without a model
        config = {}
    return config.get("max_position_embeddings") or 10**30


def _encode(tokenizer, texts, pairs, labels, limit) -> dict[str, torch.Tensor]:
    options = {"add_special_tokens": True, "return_attention_mask": False}
    # Chunks bound the memory that Python lists of ids take, whatever the size of the corpus.
    ids, types, lengths, truncated, size = [], [], [], [], 10_000
    texts, pairs = joined_pairs(tokenizer, texts, pairs)
    with_types = pairs is not None and "token_type_ids" in tokenizer.model_input_names
    for start in range(0, len(texts), size):
        part = slice(start, start + size)
        second = None if pairs is None else list(pairs[part])
        whole = tokenizer(list(texts[part]), second, return_token_type_ids=with_types, **options)
        over = [limit is not None and len(row) > limit for row in whole["input_ids"]]
        if any(over):
            whole = tokenizer(
                list(texts[part]),
                second,
                truncation=True,
                max_length=limit,
                return_token_type_ids=with_types,
                **options,
            )
        lengths += [len(row) for row in whole["input_ids"]]
        ids.append(np.fromiter((t for row in whole["input_ids"] for t in row), np.int32))
        if with_types:
            types.append(np.fromiter((t for row in whole["token_type_ids"] for t in row), np.uint8))
        truncated += over
    return {
        "ids": torch.from_numpy(np.concatenate(ids)),
        "types": torch.from_numpy(np.concatenate(types)) if with_types else torch.empty(0).byte(),
        "starts": torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)])),
        "labels": labels,
        "truncated": torch.tensor(truncated, dtype=torch.bool),
    }
