"""The choice of training rows as solved examples in a prompt, and their order."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from transformers import AutoModel

from datamodules.packaged import load_tokenizer
from modules import backbones

Selection = Literal["random", "balanced", "bm25", "embeddings"]
Order = Literal["drawn", "reversed", "grouped", "alternating"]
# Takes texts, and the number of rows to find for each of them, the nearest first.
Retriever = Callable[[Sequence[str], int], list[list[int]]]


def sample(labels: Sequence[int], shots: int, classes: int, seed: int) -> list[int]:
    """Draw rows at random.

    Args:
        labels: The class of each row.
        shots: Number of rows to draw.
        classes: Number of classes to balance the rows over; 0 for no balance.
        seed: The seed of the draw.

    Returns:
        Numbers of rows.
    """
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    if not classes:
        return order[:shots]
    turns = [[row for row in order if labels[row] == label] for label in range(classes)]
    # One of each class, then the next of each; which class comes first is drawn, too.
    queues = sorted((q for q in turns if q), key=lambda queue: order.index(queue[0]))
    drawn = [q[n] for n in range(max(map(len, queues))) for q in queues if n < len(q)][:shots]
    return np.random.default_rng([seed, 1]).permutation(drawn).tolist()


def arrange(rows: Sequence[int], labels: Sequence[int], order: Order) -> list[int]:
    """Return the rows in the order in which they stand in the prompt."""
    if order in ("drawn", "reversed"):
        return list(rows)[:: -1 if order == "reversed" else 1]
    if order == "grouped":
        return sorted(rows, key=lambda row: labels[row])
    seen: Counter[int] = Counter()
    turns = []
    for row in rows:
        turns.append((seen[labels[row]], row))
        seen[labels[row]] += 1
    return [row for _, row in sorted(turns, key=lambda turn: turn[0])]


def retriever(selection: Selection, texts: Sequence[str], embedder: str) -> Retriever:
    """Return a function that finds the nearest of ``texts`` and returns their numbers."""
    return bm25(texts) if selection == "bm25" else embeddings(texts, embedder)


def bm25(texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> Retriever:
    """Retrieve by the words in common, rare ones first (Robertson & Zaragoza 2009).

    ``k1`` and ``b`` are the usual ones; the logarithm is Lucene's, which is never negative.
    """
    words = [Counter(_words(text)) for text in texts]
    lengths = np.array([sum(counts.values()) for counts in words], dtype=np.float64)
    room = k1 * (1 - b + b * lengths / max(lengths.mean(), 1.0))
    found: dict[str, list[tuple[int, int]]] = {}
    for row, counts in enumerate(words):
        for word, count in counts.items():
            found.setdefault(word, []).append((row, count))
    weights = {}
    for word, places in found.items():
        rows, counts = np.array(places).T
        rarity = np.log1p((len(texts) - len(rows) + 0.5) / (len(rows) + 0.5))
        weights[word] = rows, rarity * counts * (k1 + 1) / (counts + room[rows])

    def search(asked: Sequence[str], count: int) -> list[list[int]]:
        best = []
        for text in asked:
            scores = np.zeros(len(texts))
            for word in _words(text):
                if word in weights:
                    rows, weight = weights[word]
                    scores[rows] += weight
            best.append(np.argsort(-scores, kind="stable")[:count].tolist())
        return best

    return search


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def embeddings(texts: Sequence[str], embedder: str) -> Retriever:
    """Retrieve by the cosine of the encoder's mean token vectors."""
    encoder = backbones.load_backbone(AutoModel, embedder).eval()
    tokenizer = load_tokenizer(embedder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    known_NH = embed(texts, encoder, tokenizer)

    def search(asked: Sequence[str], count: int) -> list[list[int]]:
        scores_BN = embed(asked, encoder, tokenizer) @ known_NH.T
        return scores_BN.argsort(dim=1, descending=True, stable=True)[:, :count].tolist()

    return search


@torch.no_grad()
def embed(texts: Sequence[str], encoder: Any, tokenizer: Any, rows: int = 64) -> torch.Tensor:
    """Encode texts as mean token vectors, scaled to length 1: (N, H)."""
    order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
    limit = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    found = torch.empty(len(texts), encoder.config.hidden_size)
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        options = {"padding": True, "truncation": True, "max_length": limit}
        inputs = tokenizer([texts[n] for n in part], return_tensors="pt", **options)
        hidden_BTH = encoder(**inputs).last_hidden_state.float()
        mask_BT1 = inputs["attention_mask"][..., None]
        mean_BH = (hidden_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
        found[part] = torch.nn.functional.normalize(mean_BH, dim=1)
    return found
