"""Text that a tokenizer does not know, found in a sample before training."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

TEXTS, CHARACTERS = 400, 1_000  # of a split that are looked at, and of each text
_TOKENS = 0.02  # share of unknown tokens above which there is a line
_ROWS = 0.02  # share of rows with as many unknown as known tokens, likewise
_PIECES = 0.9  # tokens for a character above which there is a line; usual are 0.3 to 0.5
_WIDE_PIECES = 1.2  # the same of Chinese and other wide characters, of which each may be a token
_DISTINCT = 3_000  # characters, and words, that are looked up
_SHOWN = 8


def sampled(texts: Sequence[str], most: int = TEXTS) -> list[str]:
    """The beginnings of so many texts, evenly spaced; all of few."""
    places = np.unique(np.linspace(0, max(0, len(texts) - 1), most).astype(int))
    return [texts[place][:CHARACTERS] for place in places[: len(texts)]]


def lines_of(tokenizer: Any, name: str, texts_of: Mapping[str, Sequence[str]]) -> list[str]:
    """The line of ``unknown_lines`` about the texts of each split, for a run with a backbone."""
    samples = {split: sampled(texts) for split, texts in texts_of.items()}
    cure = "give a --model.backbone whose tokenizer was made for it"
    return unknown_lines(tokenizer, name, samples, cure)


def unknown_lines(
    tokenizer: Any, name: str, samples: Mapping[str, Sequence[str]], cure: str
) -> list[str]:
    """A line if a tokenizer does not know much of the texts, or takes them apart; else none.

    Args:
        tokenizer: The tokenizer.
        name: Its name, for the line.
        samples: A sample of the texts of each split, as ``sampled`` draws it.
        cure: The remedy that ends the line.
    """
    samples = {split: [t for t in texts if t.strip()] for split, texts in samples.items()}
    measured = {
        split: _measured(tokenizer, texts) for split, texts in samples.items() if any(texts)
    }
    unknown = {
        split: share
        for split, (share, rows, _) in measured.items()
        if share >= _TOKENS or rows >= _ROWS
    }
    if unknown:
        shares = ", ".join(f"{100 * share:.1f} % of {split}" for split, share in unknown.items())
        texts = [text for split in unknown for text in samples[split]]
        named = _worst(tokenizer, texts)
        most = f" (most often {named})" if named else ""
        return [
            f"unknown: {shares} is {tokenizer.unk_token} to the tokenizer of {name}{most}: "
            f"such text is lost; {cure}"
        ]
    torn = {s: pieces for s, (_, _, pieces) in measured.items() if pieces > _limit(samples[s])}
    if torn:
        counts = ", ".join(f"{pieces:.1f} in {split}" for split, pieces in torn.items())
        return [
            f"unfamiliar: the tokenizer of {name} takes the texts apart into single characters or "
            f"less ({counts} tokens each): they are cut early and learned badly; {cure}"
        ]
    return []


def _measured(tokenizer: Any, texts: Sequence[str]) -> tuple[float, float, float]:
    """The share of unknown tokens, of rows that are mostly unknown, and the tokens of a character.

    The character is none of white space.
    """
    unknown = unknown_id(tokenizer)
    rows = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    found = [row.count(unknown) if unknown is not None else 0 for row in rows]
    total = max(1, sum(map(len, rows)))
    mostly = sum(
        count > 0 and 2 * count >= len(row) for count, row in zip(found, rows, strict=True)
    )
    characters = max(1, sum(len(text) - sum(map(str.isspace, text)) for text in texts))
    return sum(found) / total, mostly / len(texts), total / characters


def _limit(texts: Sequence[str]) -> float:
    characters = [c for text in texts for c in text[:100] if not c.isspace()]
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in characters)
    return _WIDE_PIECES if 5 * wide > len(characters) else _PIECES


def unknown_id(tokenizer: Any) -> int | None:
    """The id of unknown text; None if the tokenizer knows every text, as one of bytes does."""
    unknown = tokenizer.unk_token_id
    return None if unknown == tokenizer.eos_token_id else unknown


def _worst(tokenizer: Any, texts: list[str]) -> str:
    """The most frequent unknown characters, or else words."""
    for parts in (Counter(c for text in texts for c in text if not c.isspace()), None):
        counts = parts or Counter(word for text in texts for word in text.split())
        known = [part for part, _ in counts.most_common(_DISTINCT)]
        rows = tokenizer(known, add_special_tokens=False, verbose=False)["input_ids"]
        unknown = unknown_id(tokenizer)
        if worst := [part for part, row in zip(known, rows, strict=True) if unknown in row]:
            return ", ".join(_shown(worst[:_SHOWN]))
    return ""


def _shown(parts: Iterable[str]) -> Iterable[str]:
    for part in parts:
        yield part[:20] if part.isprintable() else f"U+{ord(part[0]):04X}"
