"""Which rows become examples, against naive versions."""

import math
from collections import Counter

import pytest
import torch
import transformers

from modules.prompting import demonstrations

LABELS = [0, 1, 1, 0, 2, 1, 1, 0, 1, 1]
TEXTS = ["a warm film", "a cold film, a dull film", "warm and clever", "the year", "Warm! Film?"]


@pytest.mark.parametrize("shots", range(1, 11))
def test_balanced_rows_are_as_even_as_can_be(shots):
    for seed in range(5):
        rows = demonstrations.sample(LABELS, shots, 3, seed)
        assert len(set(rows)) == shots
        counts, held = Counter(LABELS[row] for row in rows), Counter(LABELS)
        short = [label for label in held if counts[label] < held[label]]
        # No class has two more than another one that has rows left.
        assert all(counts[a] - counts[b] <= 1 for a in held for b in short)


def test_draws_depend_on_the_seed_alone_and_reach_every_row():
    for classes in (0, 3):
        drawn = [demonstrations.sample(LABELS, 3, classes, seed) for seed in range(60)]
        assert drawn == [demonstrations.sample(LABELS, 3, classes, seed) for seed in range(60)]
        assert {row for rows in drawn for row in rows} == set(range(10))
        first = Counter(LABELS[rows[0]] for rows in drawn)
        assert len(first) == 3  # whichever class comes first is drawn as well


def test_orders():
    rows = [4, 1, 0, 2, 3]
    assert demonstrations.arrange(rows, LABELS, "drawn") == rows
    assert demonstrations.arrange(rows, LABELS, "reversed") == rows[::-1]
    assert demonstrations.arrange(rows, LABELS, "grouped") == [0, 3, 1, 2, 4]
    assert demonstrations.arrange(rows, LABELS, "alternating") == [4, 1, 0, 2, 3]
    assert demonstrations.arrange([1, 2, 5, 0, 3], LABELS, "alternating") == [1, 0, 2, 3, 5]


def naive_bm25(text: str, asked: str) -> float:
    split = [t.lower().replace(",", "").replace("!", "").replace("?", "").split() for t in TEXTS]
    words = split[TEXTS.index(text)]
    average, score = sum(map(len, split)) / len(split), 0.0
    for word in asked.split():
        holding = sum(word in other for other in split)
        rarity = math.log(1 + (len(TEXTS) - holding + 0.5) / (holding + 0.5))
        count = words.count(word)
        score += rarity * count * 2.2 / (count + 1.2 * (1 - 0.75 + 0.75 * len(words) / average))
    return score


@pytest.mark.parametrize("asked", ["warm film", "dull year", "film film warm", "unknown clever"])
def test_bm25_ranks_as_its_formula_does(asked):
    (found,) = demonstrations.bm25(TEXTS)([asked], 5)
    scores = [naive_bm25(TEXTS[row], asked) for row in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0
    assert sorted(found) == list(range(5))


def test_embeddings_are_means_of_length_one_whatever_the_batch(bert):
    model = transformers.AutoModel.from_pretrained(bert).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    got = demonstrations.embed(TEXTS, model, tokenizer, rows=3)
    for text, vector in zip(TEXTS, got, strict=True):
        with torch.no_grad():
            hidden = model(**tokenizer([text], return_tensors="pt")).last_hidden_state[0]
        mean = hidden.mean(0)
        torch.testing.assert_close(vector, mean / mean.norm(), atol=1e-5, rtol=1e-5)
    search = demonstrations.embeddings(TEXTS, bert)
    assert [rows[0] for rows in search(TEXTS, 2)] == list(range(5))
