"""Copies in a cluster: those of a comparison of all pairs, and each file is read once."""

from random import Random

import numpy as np
import pytest

from datamodules.pipeline import clusters
from datamodules.pipeline.clusters import SHINGLE, DocumentRow, copies, jaccard, with_texts
from datamodules.pipeline.normalization import ngram_hashes, normalized_words
from datamodules.pipeline.stage_files import DOCUMENT, ParquetRows


def by_pairs(members, least):
    """Each document compared with all that stay."""
    stay, found = [], []
    for place, row in sorted(members, key=lambda member: (-len(member[1].text), member[0])):
        shingles = np.unique(ngram_hashes(normalized_words(row.text), SHINGLE))
        alike = [(jaccard(shingles, other), id) for other, id in stay]
        value, nearest = max(alike, default=(0.0, ""))
        if stay and value >= least:
            found.append((place, value, nearest))
        else:
            stay.append((shingles, row.id))
    return found


def documents(count: int, random: Random) -> list[str]:
    """Texts in chains: each a changed copy of an earlier one, with a sentence that all share."""
    words = [f"w{n}" for n in range(300)]
    texts = [" ".join(random.choices(words, k=40))]
    for _ in range(count - 1):
        text = random.choice(texts).split()
        for _ in range(random.choice([0, 1, 2, 6, 20])):
            text[random.randrange(len(text))] = random.choice(words)
        texts.append(" ".join(text[: random.choice([38, 40])]))
    return [f"{text} this sentence is in all of them" for text in texts] + ["short", "too short"]


@pytest.mark.parametrize("least", [0.0, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_copies_are_those_of_a_comparison_of_all_pairs(least):
    for seed in range(4):
        texts = documents(60, Random(seed))
        members = [((0, n), DocumentRow(f"d{n}", "s", text)) for n, text in enumerate(texts)]
        for part in (members, members[:2], members[:1]):
            made = [(c.place, c.similarity, c.kept_id) for c in copies(part, least)]
            assert made == by_pairs(part, least)


def test_a_cluster_of_different_documents_is_not_compared_by_pairs(monkeypatch):
    compared = []
    monkeypatch.setattr(clusters, "jaccard", lambda *sets: compared.append(sets) or 0.0)
    random, rows = Random(1), []
    for number in range(200):
        text = " ".join(random.choices([f"w{n}" for n in range(500)], k=30))
        rows.append(((0, number), DocumentRow(f"d{number}", "s", f"{text} which all of them say")))
    assert not list(copies(rows, 0.7))
    assert len(compared) < 200  # of 19,900 pairs


@pytest.mark.parametrize("size", [2, 100])
def test_each_file_is_read_once(tmp_path, monkeypatch, size):
    files, read = [], []
    for task in range(3):
        files.append(tmp_path / f"{task}.parquet")
        with ParquetRows(files[-1], DOCUMENT) as rows:
            for number in range(8):
                rows.add(id=f"{task}/{number}", source="s", text=f"text {number}")
    places = [[(n % 3, n // 3), ((n + 1) % 3, 4 + n // 3)] for n in range(12)]
    original = clusters.read_rows
    monkeypatch.setattr(
        clusters, "read_rows", lambda path, *a: read.append(path) or original(path, *a)
    )
    monkeypatch.setattr(clusters, "_PART", size)
    found = list(with_texts(files, places, tmp_path / "members"))
    assert [[place for place, _ in members] for members in found] == places
    assert all(row.id == f"{task}/{n}" for members in found for (task, n), row in members)
    assert sorted(path for path in read if path in files) == files
    assert not (tmp_path / "members").exists()
