"""Tagged sentences to token ids: the first token of a word carries its tag."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from datamodules.batches import LabelledBatch
from datamodules.packaged import load_tokenizer
from datamodules.token_cache import cached_tensors
from datamodules.tokens import TokenRows, tokenize_texts
from datamodules.words import NO_TAG, first_tokens


@dataclass
class TaggedRows(TokenRows):
    """Token rows with a tag for each word.

    Attributes:
        tags: The id of the tag of a word at its first token, and -100 elsewhere, (tokens,) int64.
    """

    tags: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def __getitems__(self, rows: list[int]) -> LabelledBatch:
        """Pad these rows; ``labels`` are (B, T), -100 where there is no tag."""
        batch = super().__getitems__(rows)
        labels_BT = torch.full(batch["input_ids"].shape, NO_TAG)
        for place, row in enumerate(rows):
            tags = self.tags[self.starts[row] : self.starts[row + 1]]
            labels_BT[place, : len(tags)] = tags
        batch["labels"] = labels_BT
        return batch


def tokenize_tagged(
    name: str,
    words: Sequence[Sequence[str]],
    tags: Sequence[Sequence[int]],
    max_length: int | None,
) -> tuple[TaggedRows, int]:
    """Tokenise sentences whose words have a tag each.

    The words are joined by spaces, so that every tokenizer reads them as it reads text.

    Args:
        name: The backbone whose tokenizer is used.
        words: The words of N sentences.
        tags: The id of the tag of each word.
        max_length: The number of tokens to which sentences are cut; the tokenizer's limit if None.

    Returns:
        The rows, and the number of words without a tag in them: cut off, or without a token.
    """
    texts = [" ".join(sentence) for sentence in words]
    parts = [json.dumps(list(sentence), ensure_ascii=False) for sentence in words]
    fingerprint = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    found = tokenize_texts(name, texts, None, torch.empty(0), fingerprint, max_length)
    tokenizer = load_tokenizer(name)
    spec = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    key = json.dumps(["words", 1, fingerprint, spec, max_length, len(found.ids)])
    places = cached_tensors(key, lambda: {"words": _word_numbers(tokenizer, texts, words, found)})
    numbers = places["words"].numpy()
    flat = np.fromiter((tag for sentence in tags for tag in sentence), np.int64)
    first = np.cumsum([0, *map(len, words)])[:-1]  # of the words of each sentence
    row_of = np.repeat(np.arange(len(words)), found.lengths)
    labels = np.full(len(numbers), NO_TAG, np.int64)
    labels[numbers >= 0] = flat[(first[row_of] + numbers)[numbers >= 0]]
    values = {f.name: getattr(found, f.name) for f in fields(TokenRows)} | {
        "columns": {"text": texts}
    }
    rows = TaggedRows(**values, tags=torch.from_numpy(labels))
    return rows, len(flat) - int((numbers >= 0).sum())


def _word_numbers(tokenizer, texts, words, rows: TokenRows) -> torch.Tensor:
    """The number of the word that begins at each token, -1 where none does, (tokens,) int32."""
    found, size = [], 10_000
    for start in range(0, len(texts), size):
        part = slice(start, start + size)
        encoded = tokenizer(
            texts[part], return_offsets_mapping=True, return_attention_mask=False, verbose=False
        )
        special = set(tokenizer.all_special_ids)
        for sentence, ids, offsets, row in zip(
            words[part],
            encoded["input_ids"],
            encoded["offset_mapping"],
            range(start, start + size),
            strict=False,
        ):
            length = int(rows.starts[row + 1] - rows.starts[row])
            numbers = first_tokens(sentence, offsets)
            if length < len(ids):  # it was cut: special tokens may follow the last one that is left
                kept = rows.ids[rows.starts[row] : rows.starts[row + 1]].tolist()
                numbers = [
                    number if token == own and (number < 0 or token not in special) else -1
                    for number, token, own in zip(numbers, ids, kept, strict=False)
                ]
            found.append(np.array(numbers[:length], np.int32))
    return torch.from_numpy(np.concatenate(found))
